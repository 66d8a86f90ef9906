"""What a file is, by its first bytes and never by its name; no pixel is decoded here."""

import io
from dataclasses import dataclass
from pathlib import Path

from infra.admission import MEDIA_TYPES, Limits
from infra.errors import DoubletError
from infra.picture_file import opened


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
    media_type, width, height = _header(content, limits.max_pixels)
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


def _header(content: bytes | Path, max_pixels: int) -> tuple[str, int, int]:
    try:
        # A Path's name would make Pillow prefer the format of its suffix.
        with (
            io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file,
            opened(file, max_pixels) as image,
        ):
            # A phone's JPEG may carry a second picture; Pillow then calls it MPO.
            name = "JPEG" if image.format == "MPO" else image.format
            return MEDIA_TYPES[name or ""], image.width, image.height
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
