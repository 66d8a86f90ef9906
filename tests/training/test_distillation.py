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
from training.fitting.distillation import Answers, taught
from training.fitting.members import networks


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


def answers(runs: Path, *numbers: int) -> Answers:
    return Answers([teacher(runs, number) for number in numbers], runs / "taught")


def test_the_answer_is_the_ensembles(pair: Pair, tmp_path: Path) -> None:
    (told,) = taught([pair], answers(tmp_path, 1, 2), smallest=12)
    each = []
    for network in networks([checkpoint.path(tmp_path, f"member-{number}") for number in (1, 2)]):
        each.append(np.asarray(member(network)(pair.half[None].astype(np.float32)))[0])
    mean = rounded(np.mean(each, axis=0))
    assert np.abs(mean.astype(int) - pair.full).max() > 5
    assert told.answer is not None
    assert np.abs(mean.astype(int) - told.answer).max() <= 1
    np.testing.assert_array_equal(told.full, pair.full)


def test_a_picture_is_taught_at_several_sizes(pair: Pair, tmp_path: Path) -> None:
    """As far as a crop fits in; each with the answer to its own half."""
    told = list(taught([pair], answers(tmp_path, 1), smallest=7))
    assert [each.full.shape for each in told] == [(20, 24, 3), (14, 18, 3)]
    for each in told:
        assert each.answer is not None
        assert each.answer.shape == each.full.shape
        assert (each.answer != each.full).any()


def test_a_crop_is_learnt_half_from_the_answer(pair: Pair) -> None:
    """Turned and mirrored alike, however the crop is."""
    right, wrong = (
        Crops([replace(pair, answer=answer)], 8, 4, seed=1)
        for answer in (pair.full, 255 - pair.full)
    )
    (halves, wholes), (same, learnt) = (next(iter(c.after(3))) for c in (right, wrong))
    np.testing.assert_array_equal(halves, same)
    assert wholes.std() > 10
    np.testing.assert_array_equal(learnt, np.full_like(wholes, 127.5))


def test_answers_are_kept(pair: Pair, tmp_path: Path) -> None:
    """A second run reads what the first one wrote, although its teacher has changed."""
    first, second = (list(taught([pair], answers(tmp_path, n), smallest=12)) for n in (1, 2))
    assert first[0].answer is not None
    np.testing.assert_array_equal(first[0].answer, second[0].answer)


def test_a_missing_teacher_is_named(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="member-7"):
        Answers([tmp_path / "member-7.npz"], tmp_path).to(pair)
