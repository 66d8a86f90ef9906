"""Halving as MATLAB does it, and damage that can be repeated."""

import numpy as np
import pytest
from PIL import Image

from tests.data import shared_data
from training.degradation import Degradation, compressed, resized


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("benchmark", ["set5", "set14", "kodak24"])
def test_halving_equals_matlabs_to_the_byte(benchmark: str) -> None:
    folder = shared_data(f"benchmarks/{benchmark}")
    originals = sorted(folder.glob("HR/*.png"))
    assert originals
    for original in originals:
        with Image.open(original) as full, Image.open(folder / "LR_x2" / original.name) as half:
            np.testing.assert_array_equal(resized(np.asarray(full), 0.5), np.asarray(half))


def test_halving_an_edge_by_hand() -> None:
    """Antialiased bicubic, a = -0.5, on a step: the weights beyond the edge add up to 29/256."""
    step = np.repeat(np.array([0, 0, 0, 0, 256 - 1, 255, 255, 255], np.uint8)[None], 8, axis=0)
    # Taps -3, -9, 29, 111, 111, 29, -9, -3 (over 256) at distances 3.5 to 0.5 from the centre.
    expected = [np.clip(np.floor(255 * w / 256 + 0.5), 0, 255) for w in (-12, 17, 239, 268)]
    np.testing.assert_array_equal(resized(step, 0.5), np.tile(expected, (4, 1)))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 3), (7, 3, 3)])
def test_odd_sides_are_rounded_up(shape: tuple[int, int, int]) -> None:
    height, width, _ = shape
    assert resized(noise(*shape), 0.5).shape == ((height + 1) // 2, (width + 1) // 2, 3)
    assert resized(noise(*shape), 2).shape == (2 * height, 2 * width, 3)


def test_a_flat_picture_stays_flat() -> None:
    flat = np.full((9, 14, 3), 77, np.uint8)
    assert (resized(flat, 0.5) == 77).all()
    assert (resized(flat, 2) == 77).all()


def test_damage_depends_on_the_generator_alone() -> None:
    crop = noise(32, 32, 3)
    always = Degradation(jpeg=1.0, noise=1.0)
    first = always(crop, np.random.default_rng(5))
    np.testing.assert_array_equal(first, always(crop, np.random.default_rng(5)))
    assert (first != crop).any()
    assert (first != always(crop, np.random.default_rng(6))).any()


def test_without_probability_nothing_is_damaged() -> None:
    crop = noise(32, 32, 3)
    never = Degradation(jpeg=0.0, noise=0.0)
    np.testing.assert_array_equal(never(crop, np.random.default_rng(5)), crop)


def test_lower_jpeg_quality_is_further_from_the_original() -> None:
    crop = noise(32, 32, 3)
    errors = [np.abs(compressed(crop, q).astype(int) - crop).mean() for q in (95, 60, 30)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]
