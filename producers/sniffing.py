"""What a file is, by its first bytes and never by its name; no pixel is decoded here."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from infra.admission import MEDIA_TYPES, BadPicture, Limits, not_admitted
from infra.errors import DoubletError
from infra.events.reasons import Reason

_BROKEN_HEADER = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    struct.error,
    zlib.error,
)
"""What Pillow's header readers raise at bytes that only begin like a picture."""

# Pillow's own limit warns where it should refuse, and refuses what the settings may allow; ours,
# below, is checked for every picture.
Image.MAX_IMAGE_PIXELS = None


class Unreadable(DoubletError):
    """A path that leads to no file that we may read."""


@dataclass(frozen=True)
class Sniffed:
    """What a picture's header says. Width and height are in pixels, length in bytes."""

    media_type: str
    width: int
    height: int
    length: int


def sniff(content: bytes | Path, limits: Limits) -> Sniffed:
    """Read the header of a picture, in memory or on disk.

    Raises:
        Unreadable: the path leads to no file.
        BadPicture: there is no picture there that the consumer would decode, or it is too large.
    """
    length = _length(content)
    limits.require_length(length)
    media_type, width, height = _header(content)
    limits.require_sides(width, height)
    return Sniffed(media_type, width, height, length)


def _length(content: bytes | Path) -> int:
    if isinstance(content, bytes):
        return len(content)
    try:
        if not content.is_file():
            raise Unreadable("there is no such file" if not content.exists() else "not a file")
        return content.stat().st_size
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error


def _header(content: bytes | Path) -> tuple[str, int, int]:
    try:
        # A Path's name would make Pillow prefer the format of its suffix.
        with (
            io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file,
            Image.open(file, formats=tuple(MEDIA_TYPES)) as image,
        ):
            # A phone's JPEG may carry a second picture; Pillow then calls it MPO.
            name = "JPEG" if image.format == "MPO" else image.format
            return MEDIA_TYPES[name or ""], image.width, image.height
    except PermissionError as error:
        raise Unreadable("cannot be read: permission denied") from error
    except UnidentifiedImageError as error:
        raise not_admitted() from error
    except _BROKEN_HEADER as error:
        raise BadPicture(Reason.UNDECODABLE, f"a broken picture: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
