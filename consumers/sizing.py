"""What a picture will cost, from its header alone, before anything is allocated for it."""

import io
from dataclasses import dataclass

from infra.admission import BadPicture
from infra.picture_file import opened

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


def size_of(content: bytes, max_pixels: int) -> Size:
    """By its header. One that is not taken costs its file: decoding refuses it at once."""
    try:
        with opened(io.BytesIO(content), max_pixels) as image:
            pixels = image.width * image.height
    except BadPicture:
        pixels = 0
    return Size(pixels, len(content) + _BYTES_PER_PIXEL * pixels)
