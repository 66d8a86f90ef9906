"""PSNR and SSIM as the literature has them."""

import math

import numpy as np
import pytest

from tests.data import shared_data
from training.evaluation import benchmark
from training.features.degradation import resized
from training.measures import psnr, ssim


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
    mean = np.mean([psnr(resized(pair.half, 2), pair.full, pair.grey) for pair in pairs])
    assert mean == pytest.approx(published, abs=0.015)
