"""What doubling does to stars: dark rings around them, and stars that are none.

Both are measured against the truth, on synthetic skies and on real pictures alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.feature import peak_local_max
from skimage.filters import gaussian

from training.evaluation.scores import answer
from training.evaluation.sets import Example, PictureSet
from training.evaluation.subjects import Subject
from training.features.degradation import Picture, resized, rounded
from training.measures import LUMA

SIGNIFICANT = 5.0
"""In standard deviations of the sky: what counts as a star; astronomy's usual limit."""

COUNTERPART = 2.5
"""In the same: how bright a maximum must be to be the counterpart of a star. Half of it, so that
what is just a star in one picture and just none in the other is neither invented nor lost."""

LEAST_SKY = 1.0
"""Least standard deviation, in grey levels: skies that were smoothed have less than rounding."""

SKY = 6.0
"""Standard deviation, in px, of the Gaussian that takes the sky and nebulae for smooth."""

NEAR = 2
"""Pixels within which two maxima are one star."""

RING = 6
"""Pixels around a star within which it is looked for a ring."""

SEEING = 1.1
"""Standard deviation, in px, of a synthetic star: 2.6 px across at half of its height."""

SPACING = 24
BACKGROUND = 12.0
BRIGHTNESSES = (20, 60, 120, 240)
GRAIN = 3.0
"""Standard deviation of the noisy sky, in grey levels."""

Levels = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class StarScore:
    """One subject on the stars of some pictures."""

    pictures: str
    subject: str
    stars: int
    """In the truth."""
    undershoot: float
    """Mean, over the stars, of how far the darkest pixel around one is below the truth's darkest
    there, in grey levels of luma."""
    deepest: float
    """The largest of these."""
    invented: int
    """Maxima that are significant and have no counterpart in the truth."""
    lost: int
    """The truth's stars that have no counterpart in the result."""


@dataclass(frozen=True)
class Sky:
    """The stars of a truth, and how bright a maximum of it must be to count."""

    truth: Levels
    threshold: float
    stars: Places

    @classmethod
    def of(cls, truth: Picture) -> "Sky":
        luma = truth @ np.array(LUMA)
        above = without_sky(luma)
        # Of the middle half of all pixels, as that of a normal distribution: few are stars'.
        deviation = 1.4826 * float(np.median(np.abs(above - np.median(above))))
        threshold = SIGNIFICANT * max(deviation, LEAST_SKY)
        return cls(luma, threshold, maxima(above, threshold))


def star_score(subject: Subject, pictures: PictureSet) -> StarScore:
    """Undershoot, invented and lost stars of the subject on pictures whose truth is known."""
    depths: list[float] = []
    stars = invented = lost = 0
    for example in pictures.examples:
        if example.truth is None:
            continue
        sky = Sky.of(example.truth)
        doubled = answer(subject, example.half)[0] @ np.array(LUMA)
        above = without_sky(doubled)
        faint = sky.threshold * COUNTERPART / SIGNIFICANT
        invented += unmatched(maxima(above, sky.threshold), maxima(without_sky(sky.truth), faint))
        lost += unmatched(sky.stars, maxima(above, faint))
        stars += len(sky.stars)
        depths.extend(undershoots(doubled, sky))
    mean, deepest = (float(np.mean(depths)), max(depths)) if depths else (0.0, 0.0)
    return StarScore(pictures.name, subject.name, stars, mean, deepest, invented, lost)


def without_sky(luma: Levels) -> Levels:
    """What stands out of the smooth background: [h, w]."""
    smooth: Levels = gaussian(luma, SKY, preserve_range=True)  # type: ignore[no-untyped-call]
    return luma - smooth


def maxima(above: Levels, threshold: float) -> Places:
    """Rows and columns [n, 2] of the local maxima over a threshold."""
    found: Places = peak_local_max(  # type: ignore[no-untyped-call]
        above, min_distance=NEAR, threshold_abs=threshold, exclude_border=RING
    )
    return found


def unmatched(places: Places, others: Places) -> int:
    """How many of [n, 2] have none of [m, 2] near them."""
    if not len(others):
        return len(places)
    count = 0
    for place in places:
        count += bool(np.abs(others - place).max(axis=1).min() > NEAR)
    return count


def undershoots(doubled: Levels, sky: Sky) -> Iterator[float]:
    """For every star, how far the result is darker around it than the truth is anywhere there."""
    for row, column in sky.stars:
        around = (
            slice(row - RING, row + RING + 1),
            slice(column - RING, column + RING + 1),
        )
        yield max(0.0, float(sky.truth[around].min() - doubled[around].min()))


def synthetic_skies(side: int = 240) -> Iterable[PictureSet]:
    """Gaussian points on a dark sky: one set for each brightness, and one in a noisy sky."""
    for brightness in BRIGHTNESSES:
        yield _sky_set(f"points of {brightness} levels", side, (brightness,), grain=0.0)
    yield _sky_set(f"points in noise of {GRAIN:g} levels", side, BRIGHTNESSES, GRAIN)


def _sky_set(name: str, side: int, brightnesses: tuple[int, ...], grain: float) -> PictureSet:
    truth = synthetic_sky(side, brightnesses, grain)
    return PictureSet(name, [Example(name, resized(truth, 0.5), truth)])


def synthetic_sky(side: int, brightnesses: tuple[int, ...], grain: float) -> Picture:
    """Points of each brightness in turn, each at its own place between the pixels.

    Returns:
        uint8 [side, side, 3], grey.
    """
    chance = np.random.default_rng(2)
    levels = np.full((side, side), BACKGROUND)
    rows, columns = np.mgrid[:side, :side]
    places = range(SPACING, side - SPACING // 2, SPACING)
    for number, (y, x) in enumerate((y, x) for y in places for x in places):
        dy, dx = chance.uniform(-0.5, 0.5, 2)
        distance = (rows - y - dy) ** 2 + (columns - x - dx) ** 2
        levels += brightnesses[number % len(brightnesses)] * np.exp(-distance / (2 * SEEING**2))
    levels += chance.normal(0, grain, levels.shape)
    return np.repeat(rounded(levels)[..., None], 3, axis=2)
