"""Fitting a member, and going on after a kill."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from training.features.degradation import resized
from training.features.pictures import Pair
from training.fitting import Fitting, Recipe, checkpoint, doubled, stored, take_turns
from training.measures import psnr

RECIPE = Recipe(steps=40, batch=2, crop=24, average=0.9, precision="float32")


@pytest.fixture(scope="module")
def pair() -> Pair:
    full = data.astronaut()[:128, 160:288]  # type: ignore[no-untyped-call]
    return Pair("astronaut", full, resized(full, 0.5))


def test_a_killed_run_goes_on_with_the_same_state(pair: Pair, tmp_path: Path) -> None:
    straight, killed = (tmp_path / name for name in ("straight", "killed"))
    straight.mkdir()
    undisturbed = Fitting(3, [pair], RECIPE, straight)
    undisturbed.advance(2)
    # The other run died in its third step, while it was writing a checkpoint.
    shutil.copytree(straight, killed)
    checkpoint(killed, 3).with_suffix(".partial.npz").write_bytes(b"half a checkpoint")
    undisturbed.advance(2)

    resumed = Fitting(3, [pair], RECIPE, killed)
    assert resumed.step == 2
    resumed.advance(2)

    assert resumed.step == undisturbed.step == 4
    for kind in ("weights", "averaged", "optimiser"):
        arrays = (stored(checkpoint(folder, 3), kind) for folder in (straight, killed))
        for ours, theirs in zip(*arrays, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_members_take_turns_and_learn(pair: Pair, tmp_path: Path) -> None:
    fittings = [Fitting(number, [pair], RECIPE, tmp_path) for number in (0, 1)]
    turns = list(take_turns(fittings, [pair], every=20))
    assert [(turn.member, turn.step) for turn in turns] == [(0, 20), (1, 20), (0, 40), (1, 40)]
    bicubic = psnr(resized(pair.half, 2), pair.full)
    for fitting, turn in zip(fittings, turns[2:], strict=True):
        assert turn.psnr > bicubic + 0.1
        assert psnr(doubled(fitting.model, pair.half), pair.full) > bicubic
    assert list(take_turns(fittings, [pair], every=20)) == []
