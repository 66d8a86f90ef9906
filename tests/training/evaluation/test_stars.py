"""Rings and invented stars, on skies where we know where they are."""

import numpy as np
import pytest

from training.evaluation.sets import Example, PictureSet
from training.evaluation.stars import BACKGROUND, StarScore, star_score, synthetic_sky
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
    return star_score(Telling(doubled), one(truth))


def one(truth: Picture) -> PictureSet:
    return PictureSet("sky", [Example("sky", truth[::2, ::2], truth)])


def bright_sky() -> Picture:
    return synthetic_sky(SIDE, (200,), 0.0)


def test_the_truth_itself_has_no_fault() -> None:
    score = told(bright_sky(), bright_sky())
    assert score == StarScore("sky", "telling", STARS, 0, 0, 0, 0)


def test_a_dark_ring_is_measured_in_grey_levels() -> None:
    truth = bright_sky()
    doubled = truth.copy()
    doubled[24 - 5, 24] -= np.uint8(4)  # 5 px from the first star
    score = told(doubled, truth)
    assert score.deepest == pytest.approx(4)
    assert score.undershoot * STARS == pytest.approx(4)


def test_a_star_that_the_truth_lacks_is_invented_and_one_that_is_gone_is_lost() -> None:
    truth = bright_sky()
    doubled = truth.copy()
    doubled[36, 36] = 120  # between stars
    doubled[15:34, 15:34] = int(BACKGROUND)  # where the first star is
    score = told(doubled, truth)
    assert (score.invented, score.lost) == (1, 1)


def test_a_speck_in_the_noise_is_no_star() -> None:
    truth = synthetic_sky(SIDE, (200,), 3.0)
    doubled = truth.copy()
    doubled[36, 36] = int(BACKGROUND) + 8
    assert told(doubled, truth).invented == 0


def test_a_sharper_kernel_rings_more() -> None:
    scores = [star_score(subject, one(bright_sky())) for subject in (Bicubic(), Lanczos())]
    assert 0 < scores[0].undershoot < scores[1].undershoot
