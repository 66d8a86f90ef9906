"""What can be said of a doubled picture without a truth to hold it against, band by band."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consumers.picture import Pixels
from serving.contract import SCALE

MOST_DECIBELS = 100.0
"""Consistency where nothing differs: more than any picture of 8 bits that does differ can have."""
_REACH = 2
"""Input pixels on either side that a halved pixel depends on: the antialiased bicubic kernel."""
_BESIDE = 4
"""Rows of the last band that are looked at again: the step two rows above the seam needs them."""


class Consistency:
    """PSNR of the result, halved by antialiased bicubic, with the picture that was doubled."""

    def __init__(self, pixels: Pixels) -> None:
        """Begin at the top of ``pixels``, uint8 ``[height, width, 3]``."""
        self._pixels = pixels
        self._kept: Pixels = np.empty((0, SCALE * pixels.shape[1], pixels.shape[2]), np.uint8)
        self._first = 0  # input row at which what was kept begins
        self._done = 0  # input rows that were compared
        self._error = 0.0

    def append(self, doubled: Pixels) -> None:
        """Compare all rows that do not depend on rows still to come."""
        height, width, _ = self._pixels.shape
        self._kept = np.concatenate([self._kept, doubled])
        known = self._first + len(self._kept) // SCALE
        last = known if known == height else known - _REACH
        if last <= self._done:
            return
        halved = self._halved(width, last)
        differences = halved - self._pixels[self._done : last]
        self._error += float(np.square(differences).sum(dtype=np.float64))
        self._done = last
        first = max(0, last - _REACH)
        self._kept = self._kept[SCALE * (first - self._first) :]
        self._first = first

    def _halved(self, width: int, last: int) -> NDArray[np.float32]:
        rows = last - self._done
        top = SCALE * (self._done - self._first)
        box = (0, top, SCALE * width, top + SCALE * rows)
        halved = Image.fromarray(self._kept).resize((width, rows), Image.Resampling.BICUBIC, box)
        return np.asarray(halved, np.float32)

    @property
    def decibels(self) -> float:
        """Of all rows; MOST_DECIBELS where nothing differs."""
        error = self._error / self._pixels.size
        return min(MOST_DECIBELS, 10 * math.log10(255**2 / error)) if error else MOST_DECIBELS


class SeamStep:
    """How much larger the steps across the tiles' borders are than those two pixels beside.

    Only every second step is alike: one lies inside a doubled pixel, the next between two.
    """

    def __init__(self, core: int) -> None:
        """``core``: side of what is kept of a tile, in input pixels."""
        self._period = SCALE * core
        self._above: Pixels | None = None
        self._excess = 0.0
        self._count = 0

    def append(self, doubled: Pixels) -> None:
        """Look at a band: at the borders inside of it, and at the one above it."""
        for at in range(self._period, doubled.shape[1], self._period):
            if at >= _BESIDE:
                self._note(doubled[:, at - _BESIDE : at + _BESIDE].swapaxes(0, 1))
        if self._above is not None:
            self._note(np.concatenate([self._above, doubled[:_BESIDE]]))
        self._above = doubled[-_BESIDE:] if len(doubled) >= _BESIDE else None

    def _note(self, across: Pixels) -> None:
        """Lines across one border: those before it, and those behind."""
        steps = np.abs(np.diff(across.astype(np.int16), axis=0)).reshape(len(across) - 1, -1)
        seam = _BESIDE - 1
        for beside in _beside(seam, len(steps)):
            self._excess += float((steps[seam] - steps[beside]).sum())
            self._count += steps.shape[1]

    @property
    def grey_levels(self) -> float | None:
        """Mean excess of a step, all colours; about 0 where no seam is. None: no borders."""
        return self._excess / self._count if self._count else None


def _beside(seam: int, steps: int) -> Iterator[int]:
    return (at for at in (seam - SCALE, seam + SCALE) if 0 <= at < steps)
