"""Which pictures are taken: asked by whoever sends one, and again by whoever decodes it."""

from dataclasses import dataclass

from infra.events.reasons import Reason, Refused
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
"""The allow-list, by Pillow's names: what cameras, phones and the web produce, and nothing whose
decoder runs another program."""


class BadPicture(Refused):
    """Bytes that no decoder of ours takes."""


@dataclass(frozen=True)
class Limits:
    """How large a picture may be. A picture at a limit is taken."""

    max_bytes: int
    max_pixels: int
    max_side: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As the settings have them."""
        return cls(
            settings.max_picture_bytes, settings.max_picture_pixels, settings.max_picture_side
        )

    def require_length(self, length: int) -> None:
        """Refuse a file by its length in bytes.

        Raises:
            BadPicture: it is empty or too large.
        """
        if length == 0:
            raise BadPicture(Reason.EMPTY, "the file is empty")
        if length > self.max_bytes:
            raise BadPicture(
                Reason.TOO_MANY_BYTES,
                f"{length / MEBIBYTE:.1f} MiB; MAX_PICTURE_BYTES allows "
                f"{self.max_bytes / MEBIBYTE:.1f} MiB",
            )

    def require_sides(self, width: int, height: int) -> None:
        """Refuse a picture by what its header says, before anything is allocated for it.

        Raises:
            BadPicture: it has no pixels, or too many.
        """
        size = f"{width} x {height} pixels"
        if min(width, height) < 1:
            raise BadPicture(Reason.UNDECODABLE, f"{size} is no picture")
        if max(width, height) > self.max_side:
            raise BadPicture(
                Reason.SIDE_TOO_LONG, f"{size}; MAX_PICTURE_SIDE allows a side of {self.max_side}"
            )
        if width * height > self.max_pixels:
            raise BadPicture(
                Reason.TOO_MANY_PIXELS, f"{size}; MAX_PICTURE_PIXELS allows {self.max_pixels}"
            )


def not_admitted() -> BadPicture:
    """For bytes that no decoder of the allow-list knows."""
    known = ", ".join(MEDIA_TYPES)
    return BadPicture(Reason.UNSUPPORTED_FORMAT, f"not a readable picture ({known})")
