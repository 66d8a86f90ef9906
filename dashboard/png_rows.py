"""The rows of a PNG, strip by strip, so that one of any size never lies in memory as a whole.

Pillow decodes a picture in one go. So the rows are taken out of the file still filtered, and each
strip is given to Pillow as a small PNG of its own, beneath the last row of the strip above: that is
as far as PNG's filters reach.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

Pixels = NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
_EIGHT_BITS = 8
_PIECE = 64 * 1024
"""Bytes inflated at a time: deflate makes at most a thousand times as many of them."""
_STRIP_BYTES = 16 * 1024 * 1024
"""Decoded at a time: few calls, and little beside what a page of tiles takes."""


def can_be_streamed(image: Image.Image, path: Path) -> bool:
    """Whether `rows_of` reads a picture that Pillow has opened: 8 bits, plain, not interlaced.

    One with EXIF may have to be turned. Pillow decodes all to look for it, as it may stand behind.
    """
    plain = (
        isinstance(image, PngImageFile)
        and image.mode in _COLOUR_TYPES
        and image.tile[0].args == image.mode  # Pillow's name for samples that need no conversion
        and not image.info.get("interlace")
        and "transparency" not in image.info
    )
    if not plain:
        return False
    with path.open("rb") as file:
        return all(kind != b"eXIf" for kind, _ in _chunks(file))


def rows_of(path: Path, width: int, height: int, mode: str) -> Iterator[Pixels]:
    """Strips from top to bottom, uint8 ``[rows, width, channels]``; their rows are even in number.

    Raises:
        OSError, SyntaxError, ValueError, zlib.error: the file is not what it promised.
    """
    channels = len(mode)
    stride = 1 + channels * width  # a filter's number stands before each row
    most = max(2, _STRIP_BYTES // stride // 2 * 2)
    above = bytes(stride - 1)
    with path.open("rb") as file:
        filtered = _Inflated(file)
        for top in range(0, height, most):
            rows = min(most, height - top)
            strip = _decoded(width, rows, mode, b"\0" + above + filtered.read(rows * stride))
            above = strip[-1].tobytes()
            yield strip


class _Inflated:
    """The bytes that lie compressed in a PNG's IDAT chunks."""

    def __init__(self, file: IO[bytes]) -> None:
        self._pieces = _inflated(file)
        self._rest = b""

    def read(self, length: int) -> bytes:
        parts, missing = [], length
        for piece in itertools.chain([self._rest], self._pieces):
            parts.append(piece[:missing])
            self._rest = piece[missing:]
            missing -= len(parts[-1])
            if not missing:
                return b"".join(parts)
        raise OSError(f"the picture ends {missing} bytes early")


def _inflated(file: IO[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    for kind, length in _chunks(file):
        if kind == b"IDAT":
            for first in range(0, length, _PIECE):
                yield inflate.decompress(file.read(min(length - first, _PIECE)))


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """Kind and length of each chunk, the file standing at its content."""
    at = len(_SIGNATURE)
    file.seek(at)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        at += length + 12  # length, kind, and a checksum that the consumer has looked at
        file.seek(at)


def _decoded(width: int, rows: int, mode: str, filtered: bytes) -> Pixels:
    header = struct.pack(">IIBBBBB", width, rows + 1, _EIGHT_BITS, _COLOUR_TYPES[mode], 0, 0, 0)
    file = io.BytesIO(
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(filtered, level=0))
        + _chunk(b"IEND", b"")
    )
    with Image.open(file, formats=["PNG"]) as strip:
        return np.asarray(strip).reshape(rows + 1, width, len(mode))[1:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
