"""Whether spread predicts the error, on answers whose relation is known."""

import numpy as np
import pytest

from training.evaluation.calibration import Calibration


def calibration(spread: np.ndarray, error: np.ndarray) -> Calibration:
    """Of pixels whose luma is wrong by `error` whole grey levels."""
    truth = np.zeros((*spread.shape, 3), np.uint8)
    return Calibration.of(spread.astype(np.uint8), truth + error[..., None].astype(np.uint8), truth)


@pytest.fixture
def pixels() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(6)
    spread = chance.integers(0, 60, (50, 60))
    return spread, np.rint(spread**2 / 60 + chance.integers(0, 30, spread.shape))


def test_its_coefficients_are_pandas_own(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    import pandas as pd

    spread, error = (pd.Series(values.ravel()) for values in pixels)
    known = calibration(*pixels)
    assert known.pearson == pytest.approx(spread.corr(error))
    assert known.spearman == pytest.approx(spread.rank().corr(error.rank()))


def test_pictures_add_up(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    spread, error = pixels
    parts = calibration(spread[:20], error[:20]) + calibration(spread[20:], error[20:])
    assert (parts.counts == calibration(spread, error).counts).all()


def test_the_mean_error_is_by_spread_and_in_grey_levels() -> None:
    known = calibration(np.array([[0, 8, 8]]), np.array([[1, 4, 6]]))
    assert known.mean_error[[0, 8]].tolist() == [1, 5]
    assert np.isnan(known.mean_error[1])


def test_the_ratio_is_one_where_errors_are_as_large_as_the_spread() -> None:
    assert calibration(np.array([[8, 16]]), np.array([[2, 4]])).ratio == pytest.approx(1)
    assert calibration(np.array([[8, 16]]), np.array([[6, 12]])).ratio == pytest.approx(3)


def test_the_share_of_error_is_that_of_the_most_spread() -> None:
    spread, error = np.arange(100)[None], np.zeros((1, 100))
    error[0, 95:] = 3
    error[0, 0] = 3
    assert calibration(spread, error).share_of_error(0.1) == pytest.approx(5 / 6)
    flat = calibration(spread * 0, error)
    assert flat.share_of_error(0.1) == pytest.approx(0.1)


def test_a_constant_spread_has_no_correlation() -> None:
    assert np.isnan(calibration(np.zeros((1, 9)), np.arange(9)[None]).pearson)
