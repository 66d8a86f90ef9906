"""Whether `spread` says how wrong a pixel is: how it goes with the error of the luma."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serving.contract import SPREAD_STEPS_PER_GREY_LEVEL
from training.features.degradation import Picture
from training.measures import LUMA

ERROR_STEPS = 2
"""Errors are counted in halves of a grey level: finer than what rounding to uint8 leaves."""

SPREADS = np.arange(256) / SPREAD_STEPS_PER_GREY_LEVEL
"""Grey levels of each value of `spread`."""

ERRORS = np.arange(255 * ERROR_STEPS + 1) / ERROR_STEPS
"""Grey levels of each step of the error."""

Counts = npt.NDArray[np.uint32]
Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Calibration:
    """How many pixels had which spread and which absolute error of luma."""

    counts: Counts
    """[256, 511]: by SPREADS and ERRORS."""

    @classmethod
    def of(cls, spread: Picture, doubled: Picture, truth: Picture) -> "Calibration":
        """Count uint8 [h, w] beside uint8 [h, w, 3] twice."""
        error = np.abs((doubled.astype(np.float64) - truth) @ np.array(LUMA))
        steps = np.rint(ERROR_STEPS * error).astype(np.intp)
        places = spread.astype(np.intp) * len(ERRORS) + steps
        counts = np.bincount(places.ravel(), minlength=len(SPREADS) * len(ERRORS))
        return cls(counts.reshape(len(SPREADS), len(ERRORS)).astype(np.uint32))

    def __add__(self, other: "Calibration") -> "Calibration":
        return Calibration(self.counts + other.counts)

    @property
    def pearson(self) -> float:
        """How nearly the error is a straight line over the spread: -1..1."""
        return correlation(self.counts, SPREADS, ERRORS)

    @property
    def spearman(self) -> float:
        """How nearly the error rises wherever the spread does: Pearson's of the ranks."""
        return correlation(self.counts, ranks(self.counts.sum(1)), ranks(self.counts.sum(0)))

    @property
    def pixels(self) -> Levels:
        """How many had each of SPREADS."""
        across: Levels = self.counts.sum(1).astype(np.float64)
        return across

    @property
    def mean_error(self) -> Levels:
        """Mean absolute error at each of SPREADS; NaN where no pixel had it."""
        with np.errstate(invalid="ignore"):
            mean: Levels = self.counts @ ERRORS / self.pixels
        return mean

    @property
    def ratio(self) -> float:
        """Root mean square of the error over that of the spread.

        1 if the members were wrong only by chance, each in its own way; what is more, they share.
        """
        error, spread = self.counts.sum(0) @ ERRORS**2, self.pixels @ SPREADS**2
        return float(np.sqrt(error / spread)) if spread else float("nan")

    def share_of_error(self, share_of_pixels: float) -> float:
        """How much of the squared error stands in the pixels of most spread: 0..1.

        Pixels of the last value that is needed count in part.
        """
        pixels, errors = self.pixels[::-1].cumsum(), (self.counts @ ERRORS**2)[::-1].cumsum()
        if not errors[-1]:
            return float("nan")
        wanted = share_of_pixels * pixels[-1]
        return float(np.interp(wanted, [0, *pixels], [0, *errors]) / errors[-1])


def correlation(counts: Counts, rows: Levels, columns: Levels) -> float:
    """Pearson's coefficient of two quantities whose joint counts are known; NaN if one is constant.

    Args:
        counts: [n, m].
        rows: [n], the first quantity's values.
        columns: [m], the second's.
    """
    weights = counts / counts.sum()
    across, down = weights.sum(1), weights.sum(0)
    x, y = rows - across @ rows, columns - down @ columns
    scale = np.sqrt((across @ x**2) * (down @ y**2))
    return float(x @ weights @ y / scale) if scale else float("nan")


def ranks(counts: npt.NDArray[np.integer]) -> Levels:
    """The mean rank of those that share a value, for every value in rising order."""
    return counts.cumsum() - counts / 2
