"""`doublet train` as a process: killed, called again, and on another backend of Keras."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.making import save_one_of_each
from training.fitting import checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]


def train(pictures: Path, runs: Path, backend: str = "tensorflow") -> subprocess.Popen[str]:
    arguments = ["train", "study", pictures, "--architecture", "compact", "--steps", "4"]
    options = ["--every", "1", "--runs", runs, "--scoreboard", runs.with_suffix(".csv")]
    return subprocess.Popen(
        [sys.executable, "-m", "doublet", *map(str, arguments + options)],
        cwd=REPOSITORY,
        env=os.environ | {"KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_costs_the_steps_since_the_last_checkpoint(tmp_path: Path) -> None:
    save_one_of_each(tmp_path / "pictures")
    killed = train(tmp_path / "pictures", tmp_path / "runs")
    assert killed.stdout is not None
    first = next(line for line in killed.stdout if "step 1 of 4" in line)
    assert "validation" in first
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    # Nothing of the checkpoint that may have been half written is in the way.
    reached = checkpoint.facts(tmp_path / "runs" / "compact.npz")["step"]
    output, _ = train(tmp_path / "pictures", tmp_path / "runs").communicate()
    assert f"step {reached} of 4" not in output
    assert "step 4 of 4" in output
    assert output.count(" of 4: loss") == 4 - reached


def test_jax_comes_to_the_same_network(tmp_path: Path) -> None:
    save_one_of_each(tmp_path / "pictures")
    for backend in ("tensorflow", "jax"):
        process = train(tmp_path / "pictures", tmp_path / backend, backend)
        output, _ = process.communicate()
        assert process.returncode == 0
        assert f", {backend}, " in output
    ours, theirs = (
        checkpoint.weights(tmp_path / backend / "compact.npz", "weights")
        for backend in ("tensorflow", "jax")
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
