"""The files that a doubled picture is written into, band by band."""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consumers.measures import Consistency, SeamStep
from consumers.picture import Picture, Pixels
from consumers.png import PngWriter
from consumers.tiling import Tiling
from serving.contract import SCALE, SPREAD_STEPS_PER_GREY_LEVEL

_RGB = 3
_BICUBIC = Image.Resampling.BICUBIC
_BICUBIC_REACH = 2
"""Input pixels on either side that a pixel of the result depends on."""


@dataclass(frozen=True)
class DoubledPicture:
    """A result on disk, not stored yet."""

    file: Path
    """PNG of twice the sides."""
    width: int
    height: int
    tiles: int
    spread_file: Path | None
    """Grey PNG of the same size, in quarter grey levels; None where the model has no spread."""
    mean_spread: float | None
    """In grey levels."""
    consistency: float
    """In dB, see `Consistency`."""
    seam_step: float | None
    """In grey levels, see `SeamStep`."""
    tiling: Tiling


class Canvas(AbstractContextManager["Canvas"]):
    """Takes bands of the result, from top to bottom, and gives the picture its own form back.

    A grey picture becomes grey again, transparency is doubled on its own (bicubic), the colour
    profile is kept.
    """

    def __init__(
        self, picture: Picture, folder: Path, tiling: Tiling, *, with_spread: bool
    ) -> None:
        self._grey = picture.grey
        self._alpha = picture.alpha
        self.width, self.height = SCALE * picture.width, SCALE * picture.height
        self._file = folder / "doubled.png"
        self._spread_file = folder / "spread.png" if with_spread else None
        self._spread_sum = 0
        self._tiling = tiling
        self._consistency = Consistency(picture.pixels)
        self._seam_step = SeamStep(tiling.core)
        self._row = 0
        self._stack = ExitStack()
        channels = (1 if picture.grey else _RGB) + (self._alpha is not None)
        self._png = self._open(self._file, channels, picture.icc_profile, picture.gamma)
        self._spread_png = self._open(self._spread_file, 1) if self._spread_file else None

    def append(self, doubled: Pixels, spread: Pixels | None) -> None:
        """Write the next rows.

        Args:
            doubled: uint8 ``[rows, width, 3]``.
            spread: uint8 ``[rows, width]`` in quarter grey levels, where it is kept.
        """
        rows = slice(self._row, self._row + len(doubled))
        content = _grey(doubled) if self._grey else doubled
        if self._alpha is not None:
            alpha = doubled_rows(self._alpha, rows)
            content = np.concatenate([content, alpha[:, :, np.newaxis]], axis=2)
        self._png.write(content)
        if self._spread_png is not None and spread is not None:
            self._spread_png.write(spread[:, :, np.newaxis])
            self._spread_sum += int(spread.sum(dtype=np.int64))
        self._consistency.append(doubled)
        self._seam_step.append(doubled)
        self._row = rows.stop

    def finished(self, tiles: int) -> DoubledPicture:
        """What was written, after the context was left."""
        quarters = self._spread_sum / (self.width * self.height)
        return DoubledPicture(
            file=self._file,
            width=self.width,
            height=self.height,
            tiles=tiles,
            spread_file=self._spread_file,
            mean_spread=quarters / SPREAD_STEPS_PER_GREY_LEVEL if self._spread_file else None,
            consistency=self._consistency.decibels,
            seam_step=self._seam_step.grey_levels,
            tiling=self._tiling,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _open(
        self,
        path: Path,
        channels: int,
        profile: bytes | None = None,
        gamma: float | None = None,
    ) -> PngWriter:
        file = self._stack.enter_context(path.open("wb"))
        writer = PngWriter(file, self.width, self.height, channels, profile, gamma)
        return self._stack.enter_context(writer)


def _grey(pixels: Pixels) -> Pixels:
    mean: NDArray[np.float32] = pixels.mean(axis=2, keepdims=True, dtype=np.float32)
    return np.rint(mean).astype(np.uint8)


def doubled_rows(alpha: Pixels, rows: slice) -> Pixels:
    """Some rows of what doubling (bicubic) the whole of ``alpha`` gives.

    Args:
        rows: of the result; they start and stop at even ones.
    """
    height, width = alpha.shape
    first, last = rows.start // SCALE, rows.stop // SCALE
    top, bottom = max(0, first - _BICUBIC_REACH), min(height, last + _BICUBIC_REACH)
    strip = Image.fromarray(np.ascontiguousarray(alpha[top:bottom]))
    # One direction at a time: left to itself, Pillow begins with the one that is cheaper for this
    # strip, and rounds differently.
    wide = strip.resize((SCALE * width, bottom - top), _BICUBIC)
    box = (0, first - top, SCALE * width, last - top)
    return np.asarray(wide.resize((SCALE * width, rows.stop - rows.start), _BICUBIC, box))
