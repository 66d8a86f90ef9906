"""Halving as MATLAB does it, and damage that can be repeated."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.data import shared_data
from tests.training.features.making import noise
from training.features.degradation import Degradation, blurred, compressed, resized

NEVER = Degradation(jpeg=0, noise=0, blur=0)


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


def test_the_originals_halving_takes_every_second_pixel() -> None:
    whole = noise(8, 12, 3)
    half = Degradation(halving="every second pixel").halved(whole)
    assert half.shape == (4, 6, 3)
    for row, column in ((0, 0), (1, 2), (3, 5)):
        np.testing.assert_array_equal(half[row, column], whole[2 * row, 2 * column])


def test_halving_is_antialiased_unless_it_is_said_otherwise() -> None:
    whole = noise(8, 12, 3)
    np.testing.assert_array_equal(Degradation().halved(whole), resized(whole, 0.5))


def test_the_shipped_recipe() -> None:
    """What the models in the repository were trained with."""
    assert Degradation() == Degradation(
        jpeg=0.1, qualities=(30, 95), noise=0.05, deviation=3.0, blur=0.0
    )


DAMAGES = ("jpeg", "noise", "blur")


def damage(name: str, probability: float) -> Degradation:
    values = dict.fromkeys(DAMAGES, 0.0) | {name: probability}
    return Degradation(jpeg=values["jpeg"], noise=values["noise"], blur=values["blur"])


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_depends_on_the_generator_alone(name: str) -> None:
    crop = noise(32, 32, 3)
    always = damage(name, 1.0)
    first = always(crop, np.random.default_rng(5))
    np.testing.assert_array_equal(first, always(crop, np.random.default_rng(5)))
    assert (first != crop).any()
    assert (first != always(crop, np.random.default_rng(6))).any()


def test_without_probability_nothing_is_damaged() -> None:
    crop = noise(32, 32, 3)
    for seed in range(20):
        np.testing.assert_array_equal(NEVER(crop, np.random.default_rng(seed)), crop)


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_as_frequent_as_was_asked_for(name: str) -> None:
    crop = noise(16, 16, 3)
    sometimes = replace(damage(name, 0.25), softness=2.0)
    chance = np.random.default_rng(5)
    assert 70 <= sum((sometimes(crop, chance) != crop).any() for _ in range(400)) <= 130


def test_noise_is_never_stronger_than_was_asked_for() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    always = replace(NEVER, noise=1, deviation=5.0)
    grains = [always(grey, np.random.default_rng(seed)).std() for seed in range(60)]
    assert 4 < max(grains) < 5.5
    assert min(grains) < 1


def test_jpegs_have_the_qualities_that_were_asked_for() -> None:
    crop = noise(32, 32, 3)
    always = replace(NEVER, jpeg=1, qualities=(30, 32))
    found = {always(crop, np.random.default_rng(seed)).tobytes() for seed in range(40)}
    assert found == {compressed(crop, quality).tobytes() for quality in (30, 31, 32)}


def test_blur_evens_out_and_keeps_the_mean() -> None:
    crop = noise(64, 64, 3)
    softer = blurred(crop, 2.0)
    assert softer.std() < crop.std() / 3
    assert softer.mean() == pytest.approx(crop.mean(), abs=1.5)
    np.testing.assert_array_equal(blurred(crop, 0.0), crop)


def test_lower_jpeg_quality_is_further_from_the_original() -> None:
    crop = noise(32, 32, 3)
    errors = [np.abs(compressed(crop, q).astype(int) - crop).mean() for q in (95, 60, 30)]
    assert errors == sorted(errors)
    assert errors[0] < errors[-1]
