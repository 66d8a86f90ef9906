"""By how much what the members add is amplified."""

import keras
import numpy as np

from tests.training.features.making import noise
from training.amplifying import FACTORS, amplify, best_factor
from training.compact import detail, mean
from training.features.pictures import Pair


def faint(share: float, seeds: tuple[int, ...] = (1, 2)) -> tuple[list[keras.Model], Pair]:
    """Members, and a picture that lies where `1 / share` of what their mean adds leads."""
    networks = []
    for seed in seeds:
        network = detail(seed=seed)
        chance = np.random.default_rng(seed)
        weights = [w + chance.normal(0, 0.01, w.shape) for w in network.get_weights()]
        network.set_weights(weights)
        networks.append(network)
    half = noise(24, 20, 3, seed=5) // 4 + 96
    levels = half[None].astype(np.float32)
    bicubic = mean([detail()]).predict_on_batch(levels)[0]
    added = mean(networks).predict_on_batch(levels)[0] - bicubic
    assert 2 < np.abs(added).mean() < 30
    full = np.clip(np.rint(bicubic + added / share), 0, 255).astype(np.uint8)
    return networks, Pair("a", full, given=half.astype(np.uint8))


def test_what_is_missing_decides_and_is_not_gone_to_the_end_for() -> None:
    networks, pair = faint(0.8)
    assert 1.1 < best_factor(networks, [pair]) < 1.25


def test_what_is_too_strong_stays() -> None:
    networks, pair = faint(1.5)
    assert best_factor(networks, [pair]) == FACTORS[0] == 1.0


def test_every_picture_has_its_say() -> None:
    networks, faint_one = faint(0.8)
    _, right = faint(1.0)
    both = [faint_one, right]
    assert 1.0 <= best_factor(networks, both) < best_factor(networks, [faint_one])


def test_the_mean_adds_as_much_as_was_said() -> None:
    networks, pair = faint(0.9)
    levels = pair.half[None].astype(np.float32)
    bicubic, before = (mean(ds).predict_on_batch(levels) for ds in ([detail()], networks))
    factor = amplify(networks, [pair])
    after = mean(networks).predict_on_batch(levels)
    assert factor > 1.05
    np.testing.assert_allclose(after - bicubic, factor * (before - bicubic), atol=1e-2)
