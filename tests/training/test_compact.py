"""The compact member, before any training."""

import numpy as np
import pytest

from training.compact import detail, member, radius
from training.features.degradation import weights


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 3), (17, 8)])
def test_an_untrained_member_is_the_bicubic_upscale(shape: tuple[int, int]) -> None:
    levels = np.random.default_rng(6).integers(0, 256, (2, *shape, 3)).astype(np.float32)
    rows, columns = (weights(side, 2.0) for side in shape)
    bicubic = np.einsum("ah,nhwc,bw->nabc", rows, levels, columns, optimize=True)
    doubled = member(detail())(levels)
    np.testing.assert_allclose(doubled, bicubic, atol=1e-3)


def test_members_differ_by_their_seed_alone() -> None:
    one, same, other = (detail(seed=seed).get_weights() for seed in (1, 1, 2))
    for ours, theirs in zip(one, same, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (one[0] != other[0]).any()


def test_size_and_radius() -> None:
    # 3x3 convolutions with bias: 3 to 32 channels, six of 32 to 32, 32 to 12.
    assert detail().count_params() == (27 * 32 + 32) + 6 * (288 * 32 + 32) + (288 * 12 + 12)
    assert radius() == 8


def test_the_detail_reaches_as_far_as_the_radius_and_no_further() -> None:
    network = detail(width=4, depth=1)
    network.set_weights([np.full(w.shape, 0.01, np.float32) for w in network.get_weights()])
    grey = np.full((1, 15, 15, 3), 128, np.float32)
    spot = grey.copy()
    spot[0, 7, 7] = 255
    changed = np.argwhere((network(spot) != network(grey)).numpy().any(axis=(0, 3)))
    assert np.abs(changed - 7).max() == radius(depth=1) == 3
