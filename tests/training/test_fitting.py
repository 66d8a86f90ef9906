"""Fitting networks by recipes, and going on after a kill."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import data

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES
from training.energy import Estimate
from training.features.crops import Crops
from training.features.degradation import resized
from training.features.pictures import Pair
from training.fitting import checkpoint
from training.fitting.fitting import Fitting, OneNetwork
from training.fitting.recipe import RECIPES, Recipe, recipe
from training.fitting.together import Members, SideBySide, apart
from training.fitting.turns import take_turns
from training.measures import psnr

RECIPE = Recipe(steps=40, batch=2, crop=24, average=0.9, warm_up=2)
METER = Estimate()


@pytest.fixture(scope="module")
def pair() -> Pair:
    full = data.astronaut()[:128, 160:288]  # type: ignore[no-untyped-call]
    return Pair("astronaut", full)


def fitting(pair: Pair, runs: Path, name: str = "start", recipe: Recipe = RECIPE) -> Fitting:
    crops = Crops([pair], recipe.crop, recipe.batch, seed=3)
    return Fitting(name, OneNetwork(recipe), crops, recipe, runs)


def assert_equal_checkpoints(one: Path, other: Path, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        arrays = (checkpoint.weights(file, kind) for file in (one, other))
        for ours, theirs in zip(*arrays, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_killed_run_goes_on_with_the_same_state(pair: Pair, tmp_path: Path) -> None:
    straight, killed = (tmp_path / name for name in ("straight", "killed"))
    undisturbed = fitting(pair, straight)
    undisturbed.turn(2, [pair], METER)
    # The other run died in its third step, while it was writing a checkpoint.
    killed.mkdir()
    (killed / "start.npz").write_bytes((straight / "start.npz").read_bytes())
    (killed / "start.partial.npz").write_bytes(b"half a checkpoint")
    undisturbed.turn(2, [pair], METER)

    resumed = fitting(pair, killed)
    assert resumed.step == 2
    resumed.turn(2, [pair], METER)

    assert resumed.step == undisturbed.step == 4
    kinds = ("weights", "optimiser", "best")
    assert_equal_checkpoints(straight / "start.npz", killed / "start.npz", kinds)
    assert resumed.progress.seconds > 0


def test_networks_take_turns_and_learn(pair: Pair, tmp_path: Path) -> None:
    two = [fitting(pair, tmp_path, name) for name in ("one", "other")]
    turns = [turn for _, turn in take_turns(two, [pair], 20, METER)]
    assert [(turn.name, turn.step) for turn in turns] == [
        ("one", 20),
        ("other", 20),
        ("one", 40),
        ("other", 40),
    ]
    bicubic = psnr(resized(pair.half, 2), pair.full)
    assert all(turn.psnr > bicubic + 0.1 for turn in turns[2:])
    assert list(take_turns(two, [pair], 20, METER)) == []


def test_a_recipe_goes_on_from_another_ones_best(pair: Pair, tmp_path: Path) -> None:
    fitting(pair, tmp_path).turn(3, [pair], METER)
    member = fitting(pair, tmp_path, "member-3", replace(RECIPE, start="start", rate=1e-9))
    member.turn(1, [pair], METER)
    best = [checkpoint.weights(tmp_path / f"{n}.npz", "best") for n in ("start", "member-3")]
    for ours, theirs in zip(*best, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    with pytest.raises(DoubletError, match=r"no checkpoint .*start\.npz"):
        fitting(pair, tmp_path / "empty", "member-3", replace(RECIPE, start="start"))


class Hopeless:
    """A network that every step makes worse."""

    def __init__(self, network: OneNetwork) -> None:
        self._network = network
        self._quality = iter(range(100, 0, -1))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def psnr(self, validation: list[Pair]) -> float:
        return float(next(self._quality))


def test_it_stops_early_and_keeps_the_best(pair: Pair, tmp_path: Path) -> None:
    patient = replace(RECIPE, patience=6, schedule="plateau", optimiser="adam", rate=1e-3)
    crops = Crops([pair], patient.crop, patient.batch, seed=3)
    hopeless = Fitting("h", Hopeless(OneNetwork(patient)), crops, patient, tmp_path)
    turns = [turn for _, turn in take_turns([hopeless], [pair], 2, METER)]
    assert [turn.step for turn in turns] == [2, 4, 6, 8, 10, 12, 14]
    # Five evaluations after the best one, the rate is halved.
    assert [turn.rate for turn in turns[-3:]] == pytest.approx([1e-3, 5e-4, 5e-4])
    assert hopeless.progress.best_step == 2
    assert checkpoint.facts(tmp_path / "h.npz")["progress"]["turns_since"] == 6


def test_members_together_equal_members_alone(pair: Pair, tmp_path: Path) -> None:
    """Two steps with gradients that are clipped, so that the clipping is each member's own."""
    tight = replace(RECIPE, clip=1e-3)
    batches = [Crops([pair], tight.crop, tight.batch, seed=seed) for seed in (0, 1)]
    alone = [
        Fitting(f"alone-{i}", OneNetwork(tight, seed=i), crops, tight, tmp_path)
        for i, crops in enumerate(batches)
    ]
    names = ["member-0", "member-1"]
    side_by_side = Members(names, tight, seeds=[0, 1])
    together = Fitting("members", side_by_side, SideBySide(batches), tight, tmp_path)
    for each in [*alone, together]:
        each.turn(2, [pair], METER)
    both = apart(checkpoint.weights(tmp_path / "members.npz", "weights"))
    for i, member in enumerate(both):
        own = checkpoint.weights(tmp_path / f"alone-{i}.npz", "weights")
        for ours, theirs in zip(member, own, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-5)
    assert (both[0][0] != both[1][0]).any()
    # Where the ensemble looks for them.
    assert_equal_checkpoints(tmp_path / "member-1.npz", tmp_path / "alone-1.npz", ("best",))


def test_every_recipe_can_be_asked_for() -> None:
    for name, wanted in RECIPES.items():
        assert recipe(name) == wanted
        assert wanted.architecture in ARCHITECTURES
        assert wanted.make_optimiser() is not None
    assert recipe("study", 7, "edsr").steps == 7
    assert recipe("study", 7, "edsr").architecture == "edsr"
    with pytest.raises(DoubletError, match="no recipe soup: give one of member, "):
        recipe("soup")
    with pytest.raises(DoubletError, match="no architecture soup: give one of compact, "):
        recipe("study", architecture="soup")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip"])
def test_a_broken_checkpoint_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "start.npz").write_bytes(content)
    with pytest.raises(DoubletError, match="is no checkpoint: take it away"):
        checkpoint.weights(tmp_path / "start.npz", "best")


def test_a_checkpoint_keeps_its_facts(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "a.npz", {"best": [np.ones(2)]}, {"step": 4})
    assert json.dumps(checkpoint.facts(tmp_path / "a.npz")) == '{"step": 4}'
    (kept,) = checkpoint.weights(tmp_path / "a.npz", "best")
    np.testing.assert_array_equal(kept, np.ones(2))


def test_batches_side_by_side_are_the_members_own(pair: Pair) -> None:
    batches = [Crops([pair], 24, 2, seed=seed) for seed in (0, 1)]
    halves, wholes = next(SideBySide(batches).after(5))
    assert halves.shape == (2, 2, 24, 24, 3)
    assert wholes.shape == (2, 2, 48, 48, 3)
    np.testing.assert_array_equal(halves[1], next(iter(first(batches[1], 5)))[0])


def first(crops: Crops, step: int) -> Iterator[Any]:
    return islice(crops.after(step), 1)
