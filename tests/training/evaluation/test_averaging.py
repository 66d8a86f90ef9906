"""How much averaging gains, measured on members whose faults are known."""

from pathlib import Path

import keras
import numpy as np
import pytest

from infra.errors import DoubletError
from training.compact import detail
from training.evaluation.averaging import averaging, stored_members
from training.evaluation.sets import Example, PictureSet
from training.features.degradation import resized
from training.fitting import checkpoint


def member_off_by(levels: float) -> keras.Model:
    """Bicubic, but everywhere so many grey levels too bright."""
    network = detail(width=8, depth=1)
    weights = [w * 0 for w in network.get_weights()]
    weights[-1] += levels / 128
    network.set_weights(weights)
    return network


@pytest.fixture
def pictures() -> PictureSet:
    half = np.full((10, 12, 3), 90, np.uint8)
    return PictureSet("flat", [Example("flat", half, resized(half, 2))])


def test_opposite_faults_vanish_in_the_average(pictures: PictureSet) -> None:
    found = averaging([member_off_by(4), member_off_by(-4), member_off_by(1)], pictures)
    assert found.members == 3
    of_four, of_one = 20 * np.log10(255 / (np.array([4, 1]) * 219 / 255))
    assert found.best_member == pytest.approx(of_one)
    assert found.mean_member == pytest.approx((2 * of_four + of_one) / 3)
    assert found.ensemble == np.inf  # a third of a level rounds to none


def test_members_are_read_from_their_checkpoints(tmp_path: Path) -> None:
    for digit in "3b":
        weights = [w + int(digit, 16) for w in detail().get_weights()]
        checkpoint.write(tmp_path / f"member-{digit}.npz", {"best": weights}, {})
    three, eleven = stored_members(tmp_path)
    difference = eleven.get_weights()[-1] - three.get_weights()[-1]
    assert difference.tolist() == [8.0] * 12


def test_without_members_there_is_nothing_to_average(tmp_path: Path, pictures: PictureSet) -> None:
    with pytest.raises(DoubletError, match="fewer than two"):
        stored_members(tmp_path)
    for digit in "01":
        checkpoint.write(tmp_path / f"member-{digit}.npz", {"best": [np.zeros(3)]}, {})
    with pytest.raises(DoubletError, match="holds no member of today's shape"):
        stored_members(tmp_path)
    blind = PictureSet("blind", [Example("blind", pictures.examples[0].half, None)])
    with pytest.raises(DoubletError, match="no truth"):
        averaging([member_off_by(0)], blind)
