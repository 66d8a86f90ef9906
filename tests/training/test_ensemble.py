"""The mean of the members and their disagreement, against NumPy."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from training.ensemble import doubled_and_spread
from training.features.degradation import weights

Phases = np.ndarray
SHAPE = (2, 5, 7)


def always(phases: Phases) -> Callable[[tf.Tensor], tf.Tensor]:
    """A member that adds the same, whatever it sees."""
    return lambda _: tf.constant(phases, tf.float32)


def sub_pixels(phases: Phases) -> np.ndarray:
    """[n, h, w, 12] to [n, 2h, 2w, 3], spelt out."""
    n, h, w, _ = phases.shape
    return phases.reshape(n, h, w, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, 3)


def test_mean_and_spread_equal_numpys() -> None:
    chance = np.random.default_rng(7)
    tiles = chance.integers(0, 256, (*SHAPE, 3), np.uint8)
    added = [chance.normal(0, 20, (*SHAPE, 12)) for _ in range(5)]
    doubled, spread = doubled_and_spread([always(phases) for phases in added], tiles)

    rows, columns = (weights(side, 2.0) for side in SHAPE[1:])
    bicubic = np.einsum("ah,nhwc,bw->nabc", rows, tiles.astype(float), columns, optimize=True)
    members = [bicubic + sub_pixels(phases) for phases in added]
    mean = np.clip(np.mean(members, axis=0), 0, 255)
    lumas = [picture @ [0.299, 0.587, 0.114] for picture in members]
    quarters = np.clip(4 * np.std(lumas, axis=0), 0, 255)

    assert doubled.dtype == spread.dtype == tf.uint8
    # Half a level of rounding, and float32.
    np.testing.assert_allclose(doubled, mean, atol=0.5 + 1e-3)
    np.testing.assert_allclose(spread, quarters, atol=0.5 + 1e-2)
    assert spread.numpy().max() > 50


def test_members_that_agree_have_no_spread() -> None:
    tiles = np.zeros((*SHAPE, 3), np.uint8)
    phases = np.full((*SHAPE, 12), 40.0)
    doubled, spread = doubled_and_spread([always(phases)] * 3, tiles)
    assert (doubled.numpy() == 40).all()
    assert (spread.numpy() == 0).all()


def test_both_saturate() -> None:
    tiles = np.full((*SHAPE, 3), 200, np.uint8)
    far = np.full((*SHAPE, 12), 900.0)
    doubled, spread = doubled_and_spread([always(far), always(-far / 9)], tiles)
    assert (doubled.numpy() == 255).all()
    assert (spread.numpy() == 255).all()
