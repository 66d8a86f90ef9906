"""Rings, and stars that are invented or gone, on skies where we know where they are."""

import math

import numpy as np
import pytest

from training.evaluation.sets import Example, PictureSet
from training.evaluation.skies import BACKGROUND, SEEING, synthetic_sky
from training.evaluation.stars import (
    RING,
    StarScore,
    fitted_heights,
    noise,
    star_profile,
    star_scores,
)
from training.evaluation.subjects import Bicubic, Lanczos
from training.features.degradation import Picture

SIDE = 96
STARS = 9


class Telling:
    """Answers what it was told to."""

    name = "telling"

    def __init__(self, doubled: Picture) -> None:
        self._doubled = doubled

    def double(self, picture: Picture) -> Picture:
        return self._doubled


def told(doubled: Picture, truth: Picture) -> StarScore:
    (score,) = star_scores([Telling(doubled)], one(truth))
    return score


def one(truth: Picture) -> PictureSet:
    return PictureSet("sky", [Example("sky", truth[::2, ::2], truth)])


@pytest.fixture
def bright() -> Picture:
    return synthetic_sky(SIDE, (200,), 0.0)


def test_the_truth_itself_has_no_fault(bright: Picture) -> None:
    perfect = (1.0, 1.0, 1.0)
    assert told(bright, bright) == StarScore(
        "sky", "telling", STARS, STARS, perfect, perfect, 0, 0, 0
    )


def test_the_fit_answers_a_stars_height_and_nothing_to_a_slope() -> None:
    rows, columns = np.mgrid[-8:9, -8:9]
    star = 40 * np.exp(-(rows**2 + columns**2) / (2 * SEEING**2))
    slope = 3.0 * rows + 2.0 * columns + 7
    heights = fitted_heights(star + slope)
    assert heights[8, 8] == pytest.approx(40)
    assert fitted_heights(slope)[8, 8] == pytest.approx(0)


def test_the_noise_is_that_of_the_fit() -> None:
    grain = np.random.default_rng(4).normal(50, 3, (256, 256))
    heights = fitted_heights(grain)
    _, of_one = star_profile()
    assert heights.std() == pytest.approx(3 * of_one, rel=0.02)
    assert noise(heights) == pytest.approx(3 * of_one, rel=0.1)


def test_a_ring_is_measured_in_shares_of_the_star(bright: Picture) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    heights, doubled = [], bright.copy()
    for y in range(24, 84, 24):
        for x in range(24, 84, 24):
            peak = bright[y - 1 : y + 2, x - 1 : x + 2, 0].max()
            heights.append(peak - BACKGROUND)
            around = bright[y - 1 : y + 2, x - 1 : x + 2, 0]
            dy, dx = np.unravel_index(around.argmax(), around.shape)
            distance = np.hypot(rows - (y - 1 + dy), columns - (x - 1 + dx))
            doubled[np.rint(distance) == RING - 1] -= np.uint8(4)
    score = told(doubled, bright)
    assert score.ring == pytest.approx(100 * 4 / np.mean(heights), rel=0.02)
    assert score.deepest == pytest.approx(4)


def test_a_star_that_the_truth_lacks_is_invented_and_one_that_is_gone_is_lost(
    bright: Picture,
) -> None:
    doubled = bright.copy()
    doubled[36, 36] = 120  # between stars
    doubled[15:34, 15:34] = int(BACKGROUND)  # where the first star is
    score = told(doubled, bright)
    assert score.invented == 1
    assert score.completeness == pytest.approx((8 / 9,) * 3)
    assert score.purity == pytest.approx((8 / 9,) * 3)


def test_a_star_that_moved_is_not_pure_but_not_invented_either(bright: Picture) -> None:
    doubled = bright.copy()
    doubled[12:36, 12:36] = np.roll(bright[12:36, 12:36], 3, axis=1)
    score = told(doubled, bright)
    assert score.invented == 0
    assert score.completeness == score.purity == pytest.approx((8 / 9,) * 3)


def test_what_is_a_star_depends_on_the_grain() -> None:
    for grain, invented in ((0.0, 1), (6.0, 0)):
        truth = synthetic_sky(SIDE, (200,), grain)
        doubled = truth.copy()
        doubled[35:38, 35:38] += np.uint8(12)
        assert told(doubled, truth).invented == invented


def test_a_sky_without_stars_has_no_shares() -> None:
    score = told(*[np.full((SIDE, SIDE, 3), 9, np.uint8)] * 2)
    assert score.stars == score.invented == score.ring == score.deepest == 0
    assert all(math.isnan(share) for share in (*score.completeness, *score.purity))


def test_a_sharper_kernel_rings_more(bright: Picture) -> None:
    bicubic, lanczos = star_scores([Bicubic(), Lanczos()], one(bright))
    assert 0 < bicubic.ring < lanczos.ring
