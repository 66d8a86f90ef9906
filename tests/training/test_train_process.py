"""`doublet train` as a process: killed, called again, and on another backend of Keras."""

import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.training.making import save_one_of_each
from training.compact import detail
from training.fitting import checkpoint
from training.fitting.members import ALL_PARTS, member_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]

IN_FLOAT32 = """
import doublet
from training.fitting import device
device.computes_in_bfloat16 = lambda: False
doublet.main()
"""
"""`doublet`, on any processor: each backend rounds to bfloat16 at its own places."""


def train(recipe: str, pictures: Path, runs: Path, backend: str) -> subprocess.Popen[str]:
    """Four steps, with a checkpoint after each."""
    arguments = ["train", recipe, pictures, "--steps", "4", "--every", "1", "--runs", runs]
    arguments += ["--scoreboard", runs.with_suffix(".csv")]
    return subprocess.Popen(
        [sys.executable, "-c", IN_FLOAT32, *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ | {"KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_costs_the_steps_since_the_last_checkpoint(tmp_path: Path) -> None:
    save_one_of_each(tmp_path / "pictures")
    killed = train("start", tmp_path / "pictures", tmp_path / "runs", "tensorflow")
    assert killed.stdout is not None
    first = next(line for line in killed.stdout if "step 1 of 4" in line)
    assert "validation" in first
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    # Nothing of the checkpoint that may have been half written is in the way.
    reached = checkpoint.facts(tmp_path / "runs" / "start.npz")["step"]
    output, _ = train("start", tmp_path / "pictures", tmp_path / "runs", "tensorflow").communicate()
    assert f"step {reached} of 4" not in output
    assert "step 4 of 4" in output
    assert output.count(" of 4: loss") == 4 - reached


@pytest.fixture(scope="module")
def begun() -> checkpoint.Weights:
    weights: checkpoint.Weights = detail(seed=7).get_weights()
    return weights


@pytest.fixture(scope="module")
def ours(begun: checkpoint.Weights, tmp_path_factory: pytest.TempPathFactory) -> checkpoint.Weights:
    return gone_on("tensorflow", begun, tmp_path_factory.mktemp("tensorflow"))


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_goes_the_same_way(
    backend: str, begun: checkpoint.Weights, ours: checkpoint.Weights, tmp_path: Path
) -> None:
    if not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    theirs = gone_on(backend, begun, tmp_path)
    moved, apart = (
        sum(float(np.abs(one - other).sum()) for one, other in zip(ours, others, strict=True))
        for others in (begun, theirs)
    )
    assert moved > 1
    assert apart < 0.02 * moved


def gone_on(backend: str, begun: checkpoint.Weights, folder: Path) -> checkpoint.Weights:
    """What four steps on a backend make of the weights; the ensemble's answers are the truth."""
    pictures, runs = folder / "pictures", folder / "runs"
    save_one_of_each(pictures)
    shutil.copytree(pictures, runs / "taught")
    for file in (runs / "start.npz", *(member_file(runs, "member", n) for n in ALL_PARTS)):
        checkpoint.write(file, {"best": begun}, {})
    process = train("fast", pictures, runs, backend)
    output, _ = process.communicate()
    assert process.returncode == 0
    assert f", {backend}, " in output
    return checkpoint.weights(runs / "fast.npz", "weights")
