"""Where pictures come from: files in folders, each with the digits that decide what it is for."""

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from infra.errors import DoubletError
from training.features.degradation import Picture

Image.MAX_IMAGE_PIXELS = None  # Pillow's own guard only warns; LARGEST refuses

LARGEST = 100_000_000
"""Pixels: a decoded picture of this size takes 300 MB, and a few are decoded at a time."""

PARTS = 16

ENDINGS = frozenset({".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_BROKEN_FILE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise at bytes that are not what the header promised."""

Use = Literal["learning", "validation", "test"]
"""To learn from, to choose settings by, or held out until the end and only ever reported."""

HELD_OUT: dict[str, Use] = {"0": "validation", "1": "test"}


class Unfit(DoubletError):
    """A file that nothing can be learnt from; its text is the reason."""


@dataclass(frozen=True)
class Source:
    """A picture's file, and the digits that put it into a part.

    They are the SHA-256 of the file, so the division survives renaming and added pictures; Open
    Images' pictures have their id, which is the original project's rule.
    """

    path: Path
    digest: str
    """Hex digits: the first is the part, the second decides what is held out."""
    name: str = ""
    """How the picture is called in lists: its file below the folder that was given."""
    rotation: int | None = None
    """Degrees counterclockwise until it is upright; None where only EXIF may know."""
    licence: str = ""
    author: str = ""

    @property
    def part(self) -> int:
        return int(self.digest[0], 16)

    @property
    def use(self) -> Use:
        return HELD_OUT.get(self.digest[1], "learning")

    @property
    def group(self) -> str:
        """The one set that the picture is in: `part-0` to `part-f`, `validation` or `test`."""
        return f"part-{self.part:x}" if self.use == "learning" else self.use

    def picture(self) -> Picture:
        """uint8 [2h, 2w, 3]: upright, and cut to even sides.

        Raises:
            DoubletError: it cannot be decoded.
        """
        return even(decoded(self.path, self.rotation))


def files(folder: Path, advance: Callable[[], object] = lambda: None) -> list[Source]:
    """Every picture's file in the folder and below it, in the order of its hash.

    Args:
        advance: called after each, because all of them are read.
    """
    found = []
    for path in _picture_paths(folder):
        found.append(Source(path, _hash(path), _name(path, folder)))
        advance()
    return sorted(found, key=lambda source: (source.digest, source.name))


def _picture_paths(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix.lower() in ENDINGS and path.is_file():
            yield path


def _name(path: Path, folder: Path) -> str:
    """The file below the folder's own name; what is not UTF-8 in it is replaced."""
    below = Path(folder.resolve().name, path.relative_to(folder)).as_posix()
    return os.fsencode(below).decode("utf-8", "replace")


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DoubletError(f"{path} cannot be read: {error.strerror}") from error


def decoded(path: Path, rotation: int | None = None) -> Picture:
    """As `examined`, for a picture that has to be there.

    Raises:
        DoubletError: with its path and the reason why not.
    """
    try:
        return examined(path, rotation)
    except Unfit as error:
        raise DoubletError(f"{path} is {error}: take it away or replace it") from error


def examined(path: Path, rotation: int | None = None) -> Picture:
    """A picture file as uint8 [h, w, 3], upright.

    Args:
        rotation: degrees counterclockwise, a multiple of 90; None for what EXIF says.

    Raises:
        Unfit: with the reason why not.
    """
    try:
        with Image.open(path) as image:
            _refuse_unfit(image)
            upright = image if rotation is not None else ImageOps.exif_transpose(image)
            return np.rot90(np.asarray(upright.convert("RGB")), (rotation or 0) // 90)
    except FileNotFoundError as error:
        raise Unfit("missing") from error
    except UnidentifiedImageError as error:
        raise Unfit("undecodable (not a picture)") from error  # Pillow's text is the file's path
    except _BROKEN_FILE as error:
        raise Unfit(f"undecodable ({' '.join(str(error).split())})") from error


def _refuse_unfit(image: Image.Image) -> None:
    if image.width * image.height > LARGEST:
        raise Unfit(f"too large ({image.width}x{image.height})")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a camera's JPEG: what follows is its preview
        raise Unfit(f"animated or of several pages ({frames})")
    if image.mode.startswith(("I", "F")):
        raise Unfit(f"not of 8 bits a level (mode {image.mode})")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise Unfit("transparent")  # the colours below are what nobody ever saw


def even(picture: Picture) -> Picture:
    """Without the last row or column where their number is odd."""
    return picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
