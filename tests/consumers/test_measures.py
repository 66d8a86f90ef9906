"""Measures taken band by band are those of the whole."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from consumers.measures import MOST_DECIBELS, Consistency, SeamStep
from consumers.picture import Pixels

CORE = 16


@pytest.mark.parametrize(("width", "height"), [(50, 70), (1, 1), (3, 40), (40, 17)])
def test_consistency_in_bands_is_that_of_the_whole(width: int, height: int) -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    doubled = np.asarray(
        Image.fromarray(pixels).resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    )
    halved = Image.fromarray(doubled).resize((width, height), Image.Resampling.BICUBIC)
    error = np.mean((np.asarray(halved, np.float64) - pixels) ** 2)
    consistency = Consistency(pixels)
    for band in _bands(doubled):
        consistency.append(band)
    expected = 10 * np.log10(255**2 / error) if error else MOST_DECIBELS
    assert consistency.decibels == pytest.approx(expected, abs=0.02)  # roundings differ


def test_a_picture_of_one_colour_is_wholly_consistent() -> None:
    consistency = Consistency(np.full((20, 10, 3), 7, np.uint8))
    for band in _bands(np.full((40, 20, 3), 7, np.uint8)):
        consistency.append(band)
    assert consistency.decibels == MOST_DECIBELS


def test_a_picture_that_was_changed_is_less_consistent() -> None:
    pixels = np.full((20, 10, 3), 100, np.uint8)
    consistency = Consistency(pixels)
    for band in _bands(np.full((40, 20, 3), 110, np.uint8)):
        consistency.append(band)
    assert consistency.decibels == pytest.approx(20 * np.log10(255 / 10))


@pytest.mark.parametrize("across", ["columns", "rows"])
def test_a_seam_shows_by_its_height(across: str) -> None:
    doubled = _smooth()
    tiles = (np.arange(len(doubled)) // (2 * CORE)) % 2
    raised = 5 * (tiles[np.newaxis, :, np.newaxis] if across == "columns" else tiles[:, None, None])
    straight, seamed = _seam_step(doubled), _seam_step(doubled + raised.astype(np.uint8))
    assert straight == pytest.approx(0, abs=0.2)
    assert seamed == pytest.approx(2.5, abs=0.3)  # those of one direction are 5 high, the others 0


def test_one_tile_has_no_seam() -> None:
    assert _seam_step(_smooth()[: 2 * CORE, : 2 * CORE]) is None


def _smooth() -> NDArray[np.uint8]:
    """A slope, with noise of one grey level."""
    side = 8 * CORE
    slope = np.add.outer(np.arange(side), np.arange(side)) / 4
    noise = np.random.default_rng(2).integers(0, 2, (side, side))
    return np.repeat((slope + noise).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def _seam_step(doubled: Pixels) -> float | None:
    step = SeamStep(CORE)
    for band in _bands(doubled):
        step.append(band)
    return step.grey_levels


def _bands(doubled: Pixels) -> list[Pixels]:
    return [doubled[top : top + 2 * CORE] for top in range(0, len(doubled), 2 * CORE)]
