"""What a file is, by its first bytes and never by its name; no pixel is decoded here."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from infra.errors import DoubletError
from infra.settings import MEBIBYTE, Settings

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
"""The formats that the consumer decodes, by Pillow's names for them."""

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


class BadPicture(DoubletError):
    """A file that would never be doubled; nothing was sent."""


class NotAPicture(BadPicture):
    """Not a picture, or in a format that is not on the list, or with a broken header."""


class TooLarge(BadPicture):
    """A picture over one of the limits of the settings."""


@dataclass(frozen=True)
class Limits:
    """How large a picture may be. A picture at a limit is taken."""

    max_bytes: int
    max_pixels: int
    max_side: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As the settings have them, and as the consumer checks them again."""
        return cls(
            settings.max_picture_bytes, settings.max_picture_pixels, settings.max_picture_side
        )


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
        NotAPicture: there is no picture there that the consumer would decode.
        TooLarge: there is one, larger than the limits.
    """
    length = _length(content)
    if length == 0:
        raise NotAPicture("the file is empty")
    if length > limits.max_bytes:
        raise TooLarge(
            f"{length / MEBIBYTE:.1f} MiB; MAX_PICTURE_BYTES allows "
            f"{limits.max_bytes / MEBIBYTE:.1f} MiB"
        )
    media_type, width, height = _header(content)
    _require_sides(width, height, limits)
    return Sniffed(media_type, width, height, length)


def _length(content: bytes | Path) -> int:
    if isinstance(content, bytes):
        return len(content)
    try:
        if not content.is_file():
            raise NotAPicture("there is no such file" if not content.exists() else "not a file")
        return content.stat().st_size
    except OSError as error:
        raise NotAPicture(f"cannot be read: {error.strerror}") from error


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
        raise NotAPicture("cannot be read: permission denied") from error
    except UnidentifiedImageError as error:
        known = ", ".join(MEDIA_TYPES)
        raise NotAPicture(f"not a readable picture ({known})") from error
    except _BROKEN_HEADER as error:
        raise NotAPicture(f"a broken picture: {_one_line(error)}") from error


def _require_sides(width: int, height: int, limits: Limits) -> None:
    if min(width, height) < 1:
        raise NotAPicture(f"a broken picture: it says it has {width} x {height} pixels")
    if max(width, height) > limits.max_side:
        raise TooLarge(
            f"{width} x {height} pixels; MAX_PICTURE_SIDE allows a side of {limits.max_side}"
        )
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"{width} x {height} pixels; MAX_PICTURE_PIXELS allows {limits.max_pixels} in all"
        )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
