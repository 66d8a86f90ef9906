"""What a picture will cost, from its header alone, before anything is allocated for it."""

import io
from dataclasses import dataclass

from PIL import Image

from consumers.decoding import BROKEN_FILE
from infra.admission import MEDIA_TYPES

_BYTES_PER_PIXEL = 12
"""While it is decoded and doubled: Pillow's own copy 4, a converted or turned one 4, our array 3,
alpha 1. The result is written band by band and costs little beside."""
LARGE_PIXELS = 8_000_000
"""A picture above it has a worker of its own: a laptop is at it for more than a minute, and small
ones must not wait for that."""


@dataclass(frozen=True)
class Size:
    """Of one picture at work."""

    pixels: int
    bytes: int

    @property
    def large(self) -> bool:
        """Whether it belongs to the worker for large ones."""
        return self.pixels > LARGE_PIXELS


def size_of(content: bytes) -> Size:
    """By its header. One that cannot be read costs its file: decoding refuses it at once."""
    try:
        with Image.open(io.BytesIO(content), formats=tuple(MEDIA_TYPES)) as image:
            pixels = image.width * image.height
    except BROKEN_FILE:
        pixels = 0
    return Size(pixels, len(content) + _BYTES_PER_PIXEL * pixels)
