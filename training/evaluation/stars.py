"""What doubling does to stars: dark rings around them, stars that are none, stars that are gone.

Stars are found as astronomy finds them (DAOFIND: Stetson 1987, PASP 99, 191, section III). At
every pixel the star's profile and a constant background are fitted to what is around it by least
squares. A star is a local maximum of the fitted height that is significant: at least 5 times the
noise of that height. Both limits are the field's habit, and were set before anything was measured
by them: 5 for a detection, 3 for the light at a place that is known beforehand.

Both pictures are held to the truth's noise, so that the same light counts in both. A picture that
is smoother than the truth has less noise of its own, and would turn into stars what the truth has
for grain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.feature import peak_local_max
from skimage.filters import correlate_sparse
from skimage.morphology import dilation

from training.evaluation.scores import answer
from training.evaluation.sets import PictureSet
from training.evaluation.skies import SEEING
from training.evaluation.subjects import Subject
from training.features.degradation import Picture
from training.measures import LUMA

DETECTED = 5.0
"""In units of the noise: from here on, a maximum is a star."""

PRESENT = 3.0
"""In the same: from here on, there is light at a place that is looked at for another reason."""

BRIGHTER = (5.0, 10.0, 20.0)
"""Completeness and purity are of the stars that are at least so significant."""

LEAST_NOISE = 1.0
"""Of a pixel, in grey levels: skies that were smoothed have less than rounding leaves."""

BOX = 64
"""Side, in px, of the boxes that have a noise each: a nebula's differs from the empty sky's."""

NEAR = 2
"""Pixels, along either axis, within which two maxima are one star."""

RING = 6
"""Pixels around a star within which it is looked for a ring."""

Levels = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Found = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class StarScore:
    """One subject on the stars of some pictures."""

    pictures: str
    subject: str
    stars: int
    """In the truth."""
    seen: int
    """In the result."""
    completeness: tuple[float, ...]
    """For each of BRIGHTER: the share of the truth's stars that the result has; NaN of none."""
    purity: tuple[float, ...]
    """For each of BRIGHTER: the share of the result's stars that the truth has, too."""
    invented: int
    """Stars of the result where the truth has no significant light at all. What else is impure
    has moved by more than NEAR, or is one star where the truth has two, or the reverse."""
    ring: float
    """How much darker than the truth the mean star's surroundings are, at the darkest place from
    NEAR to RING, in percent of its height; 0 if nowhere. The mean leaves little noise, so a ring
    in the grain is seen as well. Of stars that nothing brighter is near to."""
    deepest: float
    """The largest undershoot of one star: how far the darkest pixel within RING is below the
    truth's darkest there, in grey levels of luma."""


@dataclass(frozen=True)
class Sky:
    """A picture of the sky, as what follows looks at it; all [h, w]."""

    luma: Levels
    noise: Levels
    """Of the height of a star that is fitted there, in grey levels."""
    significance: Levels
    """Of the star that fits best there."""

    @classmethod
    def of(cls, truth: Picture) -> "Sky":
        luma = truth @ np.array(LUMA)
        heights = fitted_heights(luma)
        deviations = noise(heights)
        return cls(luma, deviations, heights / deviations)

    def seen_as(self, doubled: Picture) -> "Sky":
        """Another picture of it, held to this one's noise."""
        luma = doubled @ np.array(LUMA)
        return Sky(luma, self.noise, fitted_heights(luma) / self.noise)

    def stars(self, threshold: float) -> Places:
        """Rows and columns [n, 2] of the local maxima, the most significant first."""
        found: Places = peak_local_max(  # type: ignore[no-untyped-call]
            self.significance, min_distance=NEAR, threshold_abs=threshold, exclude_border=RING
        )
        return found


def star_profile() -> tuple[Levels, float]:
    """The kernel that fits a star's height above a constant, and its noise for noise of 1.

    Stetson's: a Gaussian cut off at 2 px, less its mean, and scaled so that it answers 1 to
    itself.
    """
    rows, columns = np.mgrid[-NEAR : NEAR + 1, -NEAR : NEAR + 1]
    distance = rows**2 + columns**2
    inside = distance <= NEAR**2
    gaussian = np.exp(-distance / (2 * SEEING**2))
    lowered = np.where(inside, gaussian - gaussian[inside].mean(), 0.0)
    kernel = lowered / (lowered * gaussian).sum()
    return kernel, float(np.sqrt((kernel**2).sum()))


def fitted_heights(luma: Levels) -> Levels:
    """The height, in grey levels, of the star that fits best at each pixel: [h, w]."""
    kernel, _ = star_profile()
    heights: Levels = correlate_sparse(luma, kernel)  # type: ignore[no-untyped-call]
    return heights


def noise(heights: Levels) -> Levels:
    """The noise of the fitted heights, box by box: [h, w].

    From the median of the absolute heights, as if they were normal: few are stars'.
    """
    _, least = star_profile()
    deviations = np.empty_like(heights)
    for top in range(0, heights.shape[0], BOX):
        for left in range(0, heights.shape[1], BOX):
            box = slice(top, top + BOX), slice(left, left + BOX)
            deviations[box] = 1.4826 * np.median(np.abs(heights[box]))
    return np.maximum(deviations, LEAST_NOISE * least)


def star_scores(subjects: Iterable[Subject], pictures: PictureSet) -> list[StarScore]:
    """Each subject on pictures whose truth is known."""
    known = [(e.half, Sky.of(e.truth)) for e in pictures.examples if e.truth is not None]
    return [
        compared(
            pictures.name,
            subject.name,
            [(truth, truth.seen_as(answer(subject, half)[0])) for half, truth in known],
        )
        for subject in subjects
    ]


def compared(pictures: str, subject: str, skies: list[tuple[Sky, Sky]]) -> StarScore:
    """What became of the truths' stars: pairs of a truth and a result."""
    true = [matched(truth, made) for truth, made in skies]
    seen = [matched(made, truth) for truth, made in skies]
    return StarScore(
        pictures,
        subject,
        sum(len(significance) for significance, _ in true),
        sum(len(significance) for significance, _ in seen),
        shares(true),
        shares(seen),
        sum(invented(truth, made) for truth, made in skies),
        ring(skies),
        max((depth for truth, made in skies for depth in undershoots(truth, made)), default=0.0),
    )


def matched(sky: Sky, other: Sky) -> tuple[Levels, Found]:
    """The significance of a sky's stars, and which of them the other has within NEAR: [n] each."""
    maxima = np.zeros(other.significance.shape, np.bool_)
    maxima[tuple(other.stars(PRESENT).T)] = True
    stars = sky.stars(DETECTED)
    return at(sky.significance, stars), at(most_near(maxima), stars)


def at(values: npt.NDArray[Any], places: Places) -> npt.NDArray[Any]:
    """The values [h, w] at places [n, 2]: [n]."""
    return values[places[:, 0], places[:, 1]]


def most_near(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """At each pixel, the largest of the values [h, w] that are NEAR."""
    square = np.ones((2 * NEAR + 1, 2 * NEAR + 1))
    largest: npt.NDArray[Any] = dilation(values, square)
    return largest


def shares(stars: list[tuple[Levels, Found]]) -> tuple[float, ...]:
    """How many have a counterpart, of those that are at least as significant as BRIGHTER says."""
    significance = np.concatenate([each for each, _ in stars])
    found = np.concatenate([each for _, each in stars])
    chosen = [found[significance >= least] for least in BRIGHTER]
    return tuple(float(each.mean()) if each.size else float("nan") for each in chosen)


def invented(truth: Sky, made: Sky) -> int:
    """Stars of the result where the truth is dark."""
    brightest = most_near(truth.significance)
    return int((at(brightest, made.stars(DETECTED)) < PRESENT).sum())


def ring(skies: list[tuple[Sky, Sky]]) -> float:
    """See StarScore."""
    residual, height = np.zeros((2 * RING + 1, 2 * RING + 1)), 0.0
    for truth, made in skies:
        for place in alone(truth):
            around = window(place)
            residual += made.luma[around] - truth.luma[around]
            height += truth.luma[tuple(place)] - np.median(truth.luma[around])
    if not height:
        return 0.0
    around_star = np.hypot(*np.mgrid[-RING : RING + 1, -RING : RING + 1]) >= NEAR
    return float(max(0.0, -100 * residual[around_star].min() / height))


def alone(sky: Sky) -> Iterator[npt.NDArray[np.intp]]:
    """The places of stars with nothing within RING that is brighter."""
    for place in sky.stars(DETECTED):
        if sky.luma[window(place, 1)].max() == sky.luma[window(place)].max():
            yield place


def undershoots(truth: Sky, made: Sky) -> Iterator[float]:
    """For every star, how far the result is darker around it than the truth is anywhere there."""
    for place in truth.stars(DETECTED):
        around = window(place)
        yield max(0.0, float(truth.luma[around].min() - made.luma[around].min()))


def window(place: npt.NDArray[np.intp], reach: int = RING) -> tuple[slice, slice]:
    """So many pixels to each side of a place [2]."""
    row, column = place
    return slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1)
