"""Synthetic skies: stars whose place and brightness are known."""

from collections.abc import Iterator

import numpy as np

from training.evaluation.sets import Example, PictureSet
from training.features.degradation import Picture, resized, rounded

SEEING = 1.1
"""Standard deviation of a star, in px: 2.6 px across at half of its height."""

SPACING = 24
BACKGROUND = 12.0
BRIGHTNESSES = (20, 60, 120, 240)
GRAIN = 3.0
"""Standard deviation of the noisy sky, in grey levels."""


def synthetic_skies(side: int = 240) -> Iterator[PictureSet]:
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
