"""PNG files with headers that no writer of ours makes."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GREY, COLOUR, GREY_ALPHA = 0, 2, 4


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def header(width: int, height: int, depth: int = 8, kind: int = COLOUR) -> bytes:
    """The signature and the first chunk."""
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    )


def deep_png(samples: NDArray[np.uint16], kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """16 bits a channel, from ``[height, width, channels]``, with chunks before the pixels."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2").reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    between = b"".join(chunk(name, content) for name, content in chunks)
    return (
        header(width, height, 16, kind)
        + between
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )
