"""PSNR and SSIM as the literature has them."""

import math

import keras
import numpy as np
import pytest
from skimage import metrics

from tests.data import shared_data
from training.evaluation.sets import benchmark
from training.features.degradation import resized
from training.measures import (
    binary_cross_entropy,
    consistency,
    luminance,
    psnr,
    rgb_psnr,
    ssim,
)


def two_pictures() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(3)
    truth = chance.integers(0, 256, (40, 32, 3), np.uint8)
    return np.clip(truth + chance.normal(0, 9, truth.shape), 0, 255).astype(np.uint8), truth


def test_one_grey_level_of_colour_is_219_255ths_of_luminance() -> None:
    truth = np.full((20, 20, 3), 90, np.uint8)
    assert psnr(truth + np.uint8(1), truth) == pytest.approx(20 * math.log10(255 / (219 / 255)))


def test_a_greyscale_file_is_measured_on_its_grey_levels() -> None:
    truth = np.full((20, 20, 3), 90, np.uint8)
    assert psnr(truth + np.uint8(1), truth, grey=True) == pytest.approx(20 * math.log10(255))


def test_two_pixels_along_the_edge_do_not_count() -> None:
    truth = np.full((20, 20, 3), 90, np.uint8)
    edged = truth.copy()
    edged[:2] = edged[-2:] = edged[:, :2] = edged[:, -2:] = 0
    assert psnr(edged, truth) == math.inf
    edged[2, 2] = 0
    assert psnr(edged, truth) < math.inf


def test_ssim_is_one_for_the_same_and_less_for_the_blurred() -> None:
    truth = np.random.default_rng(4).integers(0, 256, (32, 32, 3), np.uint8)
    assert ssim(truth, truth) == pytest.approx(1)
    assert ssim(resized(resized(truth, 0.5), 2), truth) < 0.9


@pytest.mark.parametrize(("name", "published"), [("set5", 33.66), ("set14", 30.24)])
def test_bicubic_scores_what_the_literature_says(name: str, published: float) -> None:
    pairs = benchmark(shared_data(f"benchmarks/{name}"))
    mean = np.mean(
        [psnr(resized(e.half, 2), e.truth, e.grey) for e in pairs if e.truth is not None]
    )
    assert mean == pytest.approx(published, abs=0.015)


def test_psnr_is_scikit_images_on_the_same_luminance() -> None:
    picture, truth = two_pictures()
    theirs = metrics.peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
        luminance(truth), luminance(picture), data_range=255
    )
    assert psnr(picture, truth) == pytest.approx(theirs)
    inside = slice(2, -2)
    theirs = metrics.peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
        truth[inside, inside], picture[inside, inside]
    )
    assert rgb_psnr(picture, truth) == pytest.approx(theirs)


def test_ssim_is_the_papers_formula_at_the_middle_of_an_eleven_pixel_picture() -> None:
    """Wang et al. 2004, equation 13, written out for the one window that such a picture has."""
    picture, truth = (p[:15, :15] for p in two_pictures())
    x, y = luminance(picture), luminance(truth)
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * x**2).sum() - mean_x**2, (window * y**2).sum() - mean_y**2
    cov = (window * x * y).sum() - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    paper = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    paper /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    assert ssim(picture, truth) == pytest.approx(paper)


def test_binary_cross_entropy_is_keras_own() -> None:
    picture, truth = two_pictures()
    picture = np.clip(picture, 1, 254)
    theirs = keras.losses.BinaryCrossentropy()(truth / 255.0, picture / 255.0)
    assert binary_cross_entropy(picture, truth) == pytest.approx(float(theirs), rel=1e-5)
    picture[0, 0], truth[0, 0] = (0, 255, 0), (255, 0, 0)  # where the clipping counts
    theirs = keras.losses.BinaryCrossentropy()(truth / 255.0, picture / 255.0)
    # Keras clips in float32, in which 1 - 1e-7 is 1 - 1.2e-7.
    assert binary_cross_entropy(picture, truth) == pytest.approx(float(theirs), rel=1e-3)


def test_the_floor_is_the_least_cross_entropy() -> None:
    picture, truth = two_pictures()
    floor = binary_cross_entropy(truth, truth)
    assert 0 < floor < binary_cross_entropy(picture, truth)
    assert binary_cross_entropy(truth * 0, truth * 0) == pytest.approx(0, abs=1e-6)


def test_what_halves_to_its_input_is_consistent() -> None:
    given = np.full((12, 10, 3), 90, np.uint8)
    assert consistency(np.full((24, 20, 3), 90, np.uint8), given) == math.inf
    assert consistency(np.full((24, 20, 3), 91, np.uint8), given) == pytest.approx(48.13, abs=0.01)
