"""What the quick network learns from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from training.compact import detail, member
from training.features.crops import Crops
from training.features.degradation import rounded
from training.features.pictures import Pair
from training.fitting import checkpoint
from training.fitting.distillation import taught


@pytest.fixture
def pair() -> Pair:
    full = np.random.default_rng(5).integers(40, 216, (20, 24, 3), np.uint8)
    return Pair("noise", full)


def teacher(runs: Path, number: int) -> Path:
    network = detail(seed=number)
    chance = np.random.default_rng(number)
    weights = [w + chance.normal(0, 0.02, w.shape).astype("f4") for w in network.get_weights()]
    file = checkpoint.path(runs, f"member-{number}")
    checkpoint.write(file, {"best": weights}, {})
    return file


def test_the_answer_is_the_teachers_mean(pair: Pair, tmp_path: Path) -> None:
    files = [teacher(tmp_path, number) for number in (1, 2)]
    (told,) = taught([pair], files, tmp_path / "taught")
    answers = []
    for file in files:
        network = member(detail())
        network.set_weights(checkpoint.weights(file, "best"))
        answers.append(np.asarray(network(pair.half[None].astype(np.float32)))[0])
    mean = rounded(np.mean(answers, axis=0))
    assert np.abs(mean.astype(int) - pair.full).max() > 5
    np.testing.assert_array_equal(told.answer, mean)
    np.testing.assert_array_equal(told.full, pair.full)


def test_a_crop_is_learnt_half_from_the_answer(pair: Pair) -> None:
    """Turned and mirrored alike, however the crop is."""
    plain = Crops([pair], 8, 4, seed=1)
    told = Crops([replace(pair, answer=255 - pair.full)], 8, 4, seed=1)
    (halves, wholes), (same, learnt) = (next(iter(c.after(3))) for c in (plain, told))
    np.testing.assert_array_equal(halves, same)
    assert wholes.std() > 10
    np.testing.assert_array_equal(learnt, np.full_like(wholes, 127.5))


def test_answers_are_kept(pair: Pair, tmp_path: Path) -> None:
    """A second run reads what the first one wrote, although its teacher has changed."""
    first = list(taught([pair], [teacher(tmp_path, 1)], tmp_path / "taught"))
    second = list(taught([pair], [teacher(tmp_path, 2)], tmp_path / "taught"))
    assert first[0].answer is not None
    np.testing.assert_array_equal(first[0].answer, second[0].answer)


def test_a_missing_teacher_is_named(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="member-7"):
        list(taught([pair], [tmp_path / "member-7.npz"], tmp_path))
