"""Stored pictures as tiles, at full size and halved again and again, so that any of them can be
looked at pixel by pixel without a browser or this server ever holding the whole.

A pyramid is made when it is first asked for, strip by strip, and lies uncompressed in a folder; the
ones that were not looked at for longest make room for new ones.
"""

import io
import json
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.png_rows import can_be_streamed, rows_of
from dashboard.previews import NoPreview, Preview, decoded, opened
from infra.blobs import Blob, BlobStore
from infra.errors import Unavailable

TILE = 512
"""Side of a tile in pixels: a large screen shows a dozen."""
ROOM = 4 * 1024**3
"""Bytes that all pyramids may take: one of 100 megapixels takes 400 MB, with its original and its
spread 630 MB."""

Pixels = NDArray[np.uint8]

_TWICE = 2
_BICUBIC = Image.Resampling.BICUBIC
_PREMULTIPLIED = {"LA": "La", "RGBA": "RGBa"}
"""What is transparent must not tint what is not; Pillow does this itself for one direction."""
_REACH = 2
"""Pixels on either side that a pixel of a bicubic enlargement depends on."""
_STRIP = 512
"""Rows at a time of a picture that Pillow has decoded as a whole."""


class NoRoomForTiles(Unavailable):
    """The disk for tiles is full or away."""

    part = "room on the disk for tiles"


class NoSuchTile(NoPreview):
    """The picture has no tile there."""


@dataclass(frozen=True)
class About:
    """What a viewer must know to ask for tiles. Sizes are in pixels."""

    width: int
    height: int
    levels: int
    """The first has full size, each other one is halved; the last fits into one tile."""
    side: int
    """Of a tile, cut at the right and the lower edge."""
    histogram: list[int] | None
    """How many pixels have each of the 256 values; of grey pictures alone."""


class Pyramids:
    """The pyramids of one blob store in one folder; any number of threads may ask."""

    def __init__(self, blobs: BlobStore, folder: Path, max_pixels: int, room: int = ROOM) -> None:
        self._blobs = blobs
        self._folder = folder
        self._max_pixels = max_pixels
        self._room = room
        self._building = threading.Lock()  # one at a time: an original may be decoded as a whole

    def about(self, blob: Blob) -> About:
        """Make the pyramid of a blob if there is none, and tell of it.

        Raises:
            BlobMissing, BlobStoreUnavailable: there is nothing to make it of.
            NoPreview: the blob is no picture that can be shown.
            NoRoomForTiles: the disk is full.
        """
        return About(**json.loads((self._made(blob) / "about.json").read_text()))

    def tile(self, blob: Blob, level: int, column: int, row: int) -> Preview:
        """One tile, as PNG; raises as `about` does, and NoSuchTile."""
        whole, profile = self._level(blob, level)
        box = _box(whole.shape, column, row)
        return _encoded(_image(whole[box]), profile)

    def bicubic(self, blob: Blob, column: int, row: int) -> Preview:
        """One tile of the picture at twice its size by bicubic interpolation."""
        whole, profile = self._level(blob, 0)
        height, width, _ = whole.shape
        rows, columns = _box((_TWICE * height, _TWICE * width), column, row)
        return _encoded(_enlarged(whole, rows, columns), profile)

    def _level(self, blob: Blob, level: int) -> tuple[Pixels, bytes | None]:
        made = self._made(blob)
        file, profile = made / f"{level}.npy", made / "profile.icc"
        if not file.exists():
            raise NoSuchTile(f"there is no level {level}")
        whole: Pixels = np.load(file, mmap_mode="r")
        return whole, profile.read_bytes() if profile.exists() else None

    def _made(self, blob: Blob) -> Path:
        made = self._folder / blob.sha256
        if not made.is_dir():
            with self._building:
                if not made.is_dir():
                    self._make(blob, made)
        os.utime(made)
        return made

    def _make(self, blob: Blob, made: Path) -> None:
        chunks = self._blobs.chunks(blob)
        first = next(chunks, b"")  # a blob that is missing is told from a disk that is full
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".making-", dir=self._folder) as scratch:
                source = Path(scratch) / "source"
                with source.open("wb") as file:
                    file.write(first)
                    file.writelines(chunks)
                making = Path(scratch) / "pyramid"
                making.mkdir()
                _write_pyramid(source, making, self._max_pixels)
                making.replace(made)
            self._make_room(made)
        except OSError as error:
            raise NoRoomForTiles(f"tiles cannot be kept in {self._folder}: {error}") from error

    def _make_room(self, newest: Path) -> None:
        others = [path for path in self._folder.iterdir() if path != newest]
        used = _size(newest)
        for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True):
            used += _size(path)
            if used > self._room:
                shutil.rmtree(path)


def _write_pyramid(source: Path, folder: Path, max_pixels: int) -> None:
    with source.open("rb") as file, opened(file, max_pixels) as image:
        profile = image.info.get("icc_profile")
        if can_be_streamed(image, source):
            width, height, channels = image.width, image.height, len(image.mode)
            strips = _reading(rows_of(source, width, height, image.mode))
        else:
            pixels = _array(decoded(image))
            height, width, channels = pixels.shape
            strips = (pixels[top : top + _STRIP] for top in range(0, height, _STRIP))
        about = _write_levels(strips, folder, width, height, channels)
    if profile:
        (folder / "profile.icc").write_bytes(profile)
    (folder / "about.json").write_text(json.dumps(asdict(about)))


def _reading(strips: Iterator[Pixels]) -> Iterator[Pixels]:
    """A broken picture is not a broken disk."""
    try:
        yield from strips
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise NoPreview(f"not a picture that can be shown: {error}") from error


def _write_levels(
    strips: Iterator[Pixels], folder: Path, width: int, height: int, channels: int
) -> About:
    counts = np.zeros(256, np.int64)
    with ExitStack() as files:
        first = _Level(folder, 0, (height, width, channels), files)
        for strip in strips:
            first.append(strip)
            if channels == 1:
                counts += np.bincount(strip.ravel(), minlength=256)
        levels = first.finish()
    return About(width, height, levels, TILE, counts.tolist() if channels == 1 else None)


class _Level:
    """Takes the rows of one level, and gives them halved to the next."""

    def __init__(
        self, folder: Path, number: int, shape: tuple[int, int, int], files: ExitStack
    ) -> None:
        height, width, channels = shape
        self._number = number
        self._file = files.enter_context((folder / f"{number}.npy").open("wb"))
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        self._next: _Level | None = None
        if max(width, height) > TILE:
            half = (-(-height // _TWICE), -(-width // _TWICE), channels)
            self._next = _Level(folder, number + 1, half, files)
        self._odd = np.empty((0, width, channels), np.uint8)

    def append(self, rows: Pixels) -> None:
        """Write the next rows."""
        self._file.write(np.ascontiguousarray(rows).data)
        if self._next:
            rows = np.concatenate([self._odd, rows]) if len(self._odd) else rows
            even = len(rows) // _TWICE * _TWICE
            self._odd = rows[even:].copy()
            if even:
                self._next.append(_array(_image(rows[:even]).reduce(_TWICE)))

    def finish(self) -> int:
        """After the last row; answers how many levels there are."""
        if self._next is None:
            return self._number + 1
        if len(self._odd):
            self._next.append(_array(_image(self._odd).reduce(_TWICE)))
        return self._next.finish()


def _enlarged(whole: Pixels, rows: slice, columns: slice) -> Image.Image:
    """Rows and columns of what Pillow makes of the whole, without enlarging the whole."""
    top, bottom = rows.start // _TWICE, rows.stop // _TWICE
    left, right = columns.start // _TWICE, columns.stop // _TWICE
    above, before = max(0, top - _REACH), max(0, left - _REACH)
    piece = _image(whole[above : bottom + _REACH, before : right + _REACH])
    mode = piece.mode
    piece = piece.convert(_PREMULTIPLIED.get(mode, mode))
    # One direction at a time: Pillow otherwise begins with the one that is cheaper here.
    across = (left - before, 0, right - before, piece.height)
    wide = piece.resize((_TWICE * (right - left), piece.height), _BICUBIC, across)
    down = (0, top - above, wide.width, bottom - above)
    return wide.resize((wide.width, _TWICE * (bottom - top)), _BICUBIC, down).convert(mode)


def _box(shape: tuple[int, ...], column: int, row: int) -> tuple[slice, slice]:
    """Rows and columns of a tile; raises NoSuchTile."""
    height, width = shape[:2]
    top, left = TILE * row, TILE * column
    if top >= height or left >= width:
        raise NoSuchTile(f"there is no tile in column {column} of row {row}")
    return slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))


def _array(image: Image.Image) -> Pixels:
    return np.asarray(image).reshape(image.height, image.width, len(image.getbands()))


def _image(pixels: Pixels) -> Image.Image:
    grey = pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def _encoded(image: Image.Image, profile: bytes | None) -> Preview:
    """Without loss, or single pixels could not be compared; quickly rather than small."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1, icc_profile=profile)
    return Preview(file.getvalue(), "image/png")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
