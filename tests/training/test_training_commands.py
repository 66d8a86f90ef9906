"""`doublet train`, as a person calls it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from training.commands import commands


def run(*arguments: object) -> str:
    result = CliRunner().invoke(commands, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def save_picture(folder: Path, wanted: Callable[[str], bool]) -> None:
    """A picture whose content's hash is as wanted; one in 16 is."""
    path = folder / "picture.png"
    for seed in range(1000):
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).resize((96, 96)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if wanted(digest):
            path.rename(folder / f"{digest}.png")
            return
    pytest.fail("no such picture")


def test_train_fits_what_it_is_asked_to_and_goes_on(tmp_path: Path) -> None:
    save_picture(tmp_path, lambda digest: digest[0] == "3" and digest[1] != "0")
    save_picture(tmp_path, lambda digest: digest[1] == "0")
    train = ("train", tmp_path, "--runs", tmp_path / "runs", "--members", "3", "--steps", 4)
    output = run(*train, "--every", 3)
    assert "member 3, step 3 of 4" in output
    assert "member 3, step 4 of 4" in output
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["member-3.npz"]
    assert run(*train) == ""


def test_train_refuses_members_that_are_none(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands, ["train", str(tmp_path), "--members", "xyz"])
    assert result.exit_code == 2
    assert "give hex digits" in result.output
