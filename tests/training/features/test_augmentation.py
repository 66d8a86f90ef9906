"""Each augmentation does what its name says with probability 1, and nothing with 0."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tests.training.features.making import noise
from training.features.augmentation import Augmentation
from training.features.degradation import Picture, resized
from training.measures import LUMA

NEVER = Augmentation(reduction=0, mirror=0, rotation=0, channel_shuffle=0)

ORIENTING = ("mirror", "upside_down", "rotation", "channel_shuffle")
COLOURING = ("brightness", "contrast", "saturation")


def augmented(policy: Augmentation, whole: Picture, seed: int) -> Picture:
    return policy(whole, np.random.default_rng(seed))


def test_with_probability_0_nothing_changes() -> None:
    whole = noise(16, 24, 3)
    for seed in range(20):
        np.testing.assert_array_equal(augmented(NEVER, whole, seed), whole)


@pytest.mark.parametrize("name", [*ORIENTING, *COLOURING])
def test_with_probability_1_it_always_happens(name: str) -> None:
    whole = noise(16, 16, 3)
    always = replace(NEVER, **{name: 1.0}, strength=0.9)
    changed = sum((augmented(always, whole, seed) != whole).any() for seed in range(100))
    # A share may be drawn so close to 1 that no level changes.
    assert changed >= (100 if name in ORIENTING else 98)


@pytest.mark.parametrize("name", [*ORIENTING, *COLOURING])
def test_in_between_it_happens_as_often_as_was_asked_for(name: str) -> None:
    whole = noise(16, 16, 3)
    sometimes = replace(NEVER, **{name: 0.25}, strength=0.9)
    changed = sum((augmented(sometimes, whole, seed) != whole).any() for seed in range(400))
    assert 70 <= changed <= 130


@pytest.mark.parametrize("name", [*ORIENTING, *COLOURING])
def test_the_same_generator_gives_the_same(name: str) -> None:
    whole = noise(16, 16, 3)
    always = replace(NEVER, **{name: 1.0})
    first, second = (augmented(always, whole, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_flips_are_what_their_names_say() -> None:
    whole = noise(16, 24, 3)
    mirrored = augmented(replace(NEVER, mirror=1), whole, 1)
    np.testing.assert_array_equal(mirrored, np.fliplr(whole))
    turned = augmented(replace(NEVER, upside_down=1), whole, 1)
    np.testing.assert_array_equal(turned, np.flipud(whole))


def test_rotation_is_by_each_of_three_quarter_turns() -> None:
    whole = noise(16, 24, 3)
    found = {augmented(replace(NEVER, rotation=1), whole, seed).tobytes() for seed in range(40)}
    assert found == {np.rot90(whole, turns).tobytes() for turns in (1, 2, 3)}


def test_channels_come_in_each_of_the_five_other_orders() -> None:
    whole = noise(16, 24, 3)
    shuffled = replace(NEVER, channel_shuffle=1)
    found = {augmented(shuffled, whole, seed).tobytes() for seed in range(60)}
    orders = [list(order) for order in permutations(range(3)) if order != (0, 1, 2)]
    assert found == {whole[..., order].tobytes() for order in orders}


@pytest.mark.parametrize("name", ["mirror", "upside_down", "channel_shuffle"])
def test_it_commutes_with_matlabs_halving_of_even_sides_to_the_byte(name: str) -> None:
    policy = replace(NEVER, **{name: 1.0})
    for seed in range(20):
        whole = noise(18, 26, 3, seed=seed)
        half = augmented(policy, resized(whole, 0.5), seed)
        np.testing.assert_array_equal(half, resized(augmented(policy, whole, seed), 0.5))


def test_quarter_turns_do_not_quite() -> None:
    """MATLAB rounds between rows and columns: the half has to be made after turning."""
    whole = noise(64, 96, 3)
    differences = np.abs(resized(np.rot90(whole), 0.5).astype(int) - np.rot90(resized(whole, 0.5)))
    assert 0.1 < differences.mean() < 1


def test_the_defaults_give_all_eight_orientations_equally_often() -> None:
    whole = noise(4, 4, 3)
    unshuffled = Augmentation(channel_shuffle=0)
    found = [augmented(unshuffled, whole, seed).tobytes() for seed in range(800)]
    turned = [np.rot90(picture, turns) for picture in (whole, whole[:, ::-1]) for turns in range(4)]
    assert set(found) == {picture.tobytes() for picture in turned}
    assert all(70 <= found.count(picture.tobytes()) <= 130 for picture in turned)


def grey_ramp() -> Picture:
    """Every level from 60 to 190, grey."""
    return np.repeat(np.arange(60, 190, dtype=np.uint8)[None, :, None], 2, axis=0).repeat(3, axis=2)


def test_brightness_multiplies() -> None:
    brighter = augmented(replace(NEVER, brightness=1), grey_ramp(), 3)
    shares = brighter / grey_ramp()
    assert shares.std() < 0.005
    assert 0.02 < abs(shares.mean() - 1) <= 0.2


def test_contrast_turns_around_mid_grey() -> None:
    changed = augmented(replace(NEVER, contrast=1), grey_ramp(), 3)
    slope, offset = np.polyfit(grey_ramp().ravel(), changed.ravel(), 1)
    assert 0.02 < abs(slope - 1) <= 0.2
    assert slope * 127.5 + offset == pytest.approx(127.5, abs=0.3)


def test_saturation_leaves_grey_and_luma_alone() -> None:
    policy = replace(NEVER, saturation=1)
    np.testing.assert_array_equal(augmented(policy, grey_ramp(), 3), grey_ramp())
    whole = noise(16, 16, 3) // 2 + 64
    changed = augmented(policy, whole.astype(np.uint8), 3)
    assert (changed != whole).mean() > 0.5
    assert np.abs((changed.astype(float) - whole) @ np.array(LUMA)).max() < 1


def test_strength_0_is_no_change() -> None:
    whole = noise(16, 16, 3)
    none = replace(NEVER, brightness=1, contrast=1, saturation=1, strength=0)
    np.testing.assert_array_equal(augmented(none, whole, 3), whole)


def test_a_place_is_reduced_as_often_and_as_far_as_was_asked_for() -> None:
    chance = np.random.default_rng(1)
    policy = replace(NEVER, reduction=0.25, smallest=0.5)
    places = [policy.place(100, 1_000, chance) for _ in range(400)]
    assert 70 <= sum(place > 100 for place in places) <= 130
    assert 180 < max(places) <= 200
    assert {policy.place(100, 120, chance) for _ in range(400)} <= set(range(100, 121))


def test_reducing_is_antialiased() -> None:
    """Every second row white is grey in half the size."""
    rows = np.zeros((32, 32, 3), np.uint8)
    rows[::2] = 255
    inside = Augmentation.reduced(rows, 16)[4:-4]
    assert inside.shape == (8, 16, 3)
    assert np.abs(inside.astype(int) - 128).max() <= 1
