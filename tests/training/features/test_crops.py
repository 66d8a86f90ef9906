"""The crops that a member learns from."""

from dataclasses import replace

import numpy as np
import pytest

from infra.errors import DoubletError
from tests.training.features.making import noise
from training.features.augmentation import Augmentation
from training.features.crops import Crops
from training.features.degradation import Degradation, Halving, resized
from training.features.pictures import Pair

CLEAN = Degradation(jpeg=0, noise=0)
STRAIGHT = Augmentation(reduction=0, mirror=0, rotation=0, channel_shuffle=0)
EVERYTHING = Augmentation(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)


def crops(**options: object) -> Crops:
    pair = Pair("noise", noise(64, 96, 3, seed=3))
    return Crops(**({"pairs": [pair], "size": 16, "batch": 4, "seed": 9} | options))  # type: ignore[arg-type]


def is_within(crop: np.ndarray, picture: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(picture, crop.shape)
    return bool((windows == crop).all(axis=(-1, -2, -3)).any())


def test_batches_depend_on_seed_and_step_alone() -> None:
    def batch(step: int, seed: int = 9) -> np.ndarray:
        return next(crops(seed=seed, augmentation=EVERYTHING).after(step))[0]

    going_on = crops(augmentation=EVERYTHING).after(0)
    next(going_on)
    np.testing.assert_array_equal(next(going_on)[0], batch(1))
    assert (batch(0) != batch(1)).any()
    assert (batch(0) != batch(0, seed=10)).any()


@pytest.mark.parametrize("halving", ["antialiased bicubic", "every second pixel"])
def test_a_crop_is_cut_from_the_picture_and_its_half_to_the_byte(halving: Halving) -> None:
    """As if the whole picture had been halved, at its edges, too: 16 of 18 rows touch them."""
    full = noise(36, 40, 3)
    degradation = Degradation(jpeg=0, noise=0, halving=halving)
    made = crops(pairs=[Pair("a", full)], batch=200, degradation=degradation, augmentation=STRAIGHT)
    halves, wholes = next(made.after(0))
    assert halves.dtype == wholes.dtype == np.float32
    assert halves.shape == (200, 16, 16, 3)
    assert wholes.shape == (200, 32, 32, 3)
    half_picture = full[::2, ::2] if halving == "every second pixel" else resized(full, 0.5)
    places = set()
    for half, whole in zip(halves, wholes, strict=True):
        assert is_within(whole, full)
        assert is_within(half, half_picture)
        places.add(whole.tobytes())
    assert len(places) == 3 * 5


def test_a_clean_crop_is_the_half_of_its_whole() -> None:
    """However it was turned and coloured; away from the edges, where the crop ends."""
    stark = replace(EVERYTHING, strength=0.9)
    made = crops(batch=64, degradation=CLEAN, augmentation=stark).after(0)
    halves, wholes = next(made)
    inside = slice(2, -2)
    assert (wholes == 255).mean() > 0.02
    for half, whole in zip(halves, wholes, strict=True):
        again = resized(whole.astype(np.uint8), 0.5)
        np.testing.assert_array_equal(again[inside, inside], half[inside, inside])


def test_a_reduced_crop_shows_a_larger_place() -> None:
    """Stripes of 8 px are narrower then, down to the smallest share that was asked for."""
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, np.arange(96) // 8 % 2 == 1] = 255
    reduced = replace(STRAIGHT, reduction=1.0, smallest=0.5)
    made = crops(pairs=[Pair("stripes", stripes)], batch=64, augmentation=reduced)
    _, wholes = next(made.after(0))
    edges = [int((np.abs(np.diff(whole[16, :, 0] > 127))).sum()) for whole in wholes]
    assert set(edges) <= {3, 4, 5, 6, 7, 8, 9}
    assert len(set(edges)) >= 3


def test_a_picture_that_is_no_larger_than_a_crop_is_not_reduced() -> None:
    full = noise(36, 36, 3)
    always = replace(STRAIGHT, reduction=1.0)
    _, wholes = next(crops(pairs=[Pair("a", full)], batch=8, augmentation=always).after(0))
    assert all(is_within(whole, full) for whole in wholes)


def test_a_taught_picture_is_not_reduced() -> None:
    """Its teacher's answer is one to its own half."""
    full, answer = noise(96, 96, 3), noise(96, 96, 3, seed=7)
    always = replace(STRAIGHT, reduction=1.0)
    pair = Pair("a", full, answer=answer)
    _, wholes = next(crops(pairs=[pair], batch=8, augmentation=always).after(0))
    assert all(is_within(whole, (full.astype(np.float32) + answer) / 2) for whole in wholes)


def test_the_originals_half_starts_at_the_first_pixel_however_it_is_turned() -> None:
    second = Degradation(jpeg=0, noise=0, halving="every second pixel")
    halves, wholes = next(crops(batch=64, degradation=second).after(0))
    np.testing.assert_array_equal(wholes[:, ::2, ::2], halves)


def test_damage_is_done_to_the_input_alone() -> None:
    damaged = Degradation(jpeg=1, noise=1, blur=1)
    halves, wholes = next(crops(degradation=damaged, augmentation=STRAIGHT).after(0))
    full = crops().pairs[0].full
    for half, whole in zip(halves, wholes, strict=True):
        assert is_within(whole, full)
        assert not is_within(half, resized(full, 0.5))


def test_larger_pictures_are_cut_more_often() -> None:
    black = Pair("black", np.zeros((40, 40, 3), np.uint8))
    white = Pair("white", np.full((80, 120, 3), 255, np.uint8))
    _, wholes = next(crops(pairs=[black, white], batch=700).after(0))
    assert 60 <= (wholes[:, 0, 0, 0] == 0).sum() <= 140


def test_pictures_smaller_than_a_crop_are_named() -> None:
    with pytest.raises(DoubletError, match="noise: too small for crops of 80 px"):
        crops(size=40)
