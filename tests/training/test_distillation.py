"""What the quick network learns from."""

from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from training.compact import detail, member
from training.degradation import resized, rounded
from training.fitting import checkpoint
from training.fitting.distillation import TRUTH, taught
from training.pictures import Pair


@pytest.fixture
def pair() -> Pair:
    full = np.random.default_rng(5).integers(40, 216, (20, 24, 3), np.uint8)
    return Pair("noise", full, resized(full, 0.5))


def teacher(runs: Path, number: int) -> Path:
    network = detail(seed=number)
    chance = np.random.default_rng(number)
    weights = [w + chance.normal(0, 0.02, w.shape).astype("f4") for w in network.get_weights()]
    file = checkpoint.path(runs, f"member-{number}")
    checkpoint.write(file, {"best": weights}, {})
    return file


def test_the_truth_and_the_teachers_mean_are_blended(pair: Pair, tmp_path: Path) -> None:
    files = [teacher(tmp_path, number) for number in (1, 2)]
    (blended,) = taught([pair], files, tmp_path / "taught")
    answers = []
    for file in files:
        network = member(detail())
        network.set_weights(checkpoint.weights(file, "best"))
        answers.append(np.asarray(network(pair.half[None].astype(np.float32)))[0])
    mean = rounded(np.mean(answers, axis=0))
    assert np.abs(mean.astype(int) - pair.full).max() > 5
    expected = TRUTH * pair.full + (1 - TRUTH) * mean
    np.testing.assert_allclose(blended.full, expected, atol=1)
    np.testing.assert_array_equal(blended.half, pair.half)


def test_answers_are_kept(pair: Pair, tmp_path: Path) -> None:
    """A second run reads what the first one wrote, although its teacher has changed."""
    first = list(taught([pair], [teacher(tmp_path, 1)], tmp_path / "taught"))
    second = list(taught([pair], [teacher(tmp_path, 2)], tmp_path / "taught"))
    np.testing.assert_array_equal(first[0].full, second[0].full)


def test_a_missing_teacher_is_named(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="member-7"):
        list(taught([pair], [tmp_path / "member-7.npz"], tmp_path))
