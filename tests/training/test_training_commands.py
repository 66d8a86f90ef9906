"""`doublet train`, as a person calls it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.errors import DoubletError
from tests.training.making import save_one_of_each
from training.commands import commands
from training.evaluation.saved_model import SavedModel
from training.fitting.members import ALL_PARTS, member_file


def run(*arguments: object) -> str:
    result = CliRunner().invoke(commands, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.timeout(400)  # networks are made and exported, one after the other
def test_the_ways_to_a_shipped_model(tmp_path: Path) -> None:
    """Members, the quick network from them, and both exports."""
    save_one_of_each(tmp_path)
    runs, board = tmp_path / "runs", tmp_path / "scoreboard.csv"

    def train(recipe: str, *options: object) -> str:
        return run("train", recipe, tmp_path, "--runs", runs, "--scoreboard", board, *options)

    output = train("start", "--steps", 3, "--every", 2)
    assert "start, step 2 of 3" in output
    assert "start, step 3 of 3" in output
    # Sixteen in one graph would take a minute to build.
    assert "members, step 2 of 2" in train("member", "--together", "--members", 3, "--steps", 2)
    with pytest.raises(DoubletError, match=r"member-3\.npz was fitted beside others"):
        train("member", "--members", 3)
    for number in set(ALL_PARTS) - {3}:
        shutil.copy(member_file(runs, "member", 3), member_file(runs, "member", number))
    assert "fast, step 2 of 2" in train("fast", "--steps", 2)
    assert "| runs/fast | compact | 59,852 | 2 |" in run("scoreboard", "--scoreboard", board)

    ensemble, fast = tmp_path / "doublet" / "7", tmp_path / "doublet-fast" / "1"
    for what, folder in (("ensemble", ensemble), ("fast", fast)):
        folder.parent.mkdir()
        run("export", what, folder, "--runs", runs, "--data", "noise")
    picture = np.random.default_rng(1).integers(0, 256, (9, 7, 3), np.uint8)
    with SavedModel(ensemble) as sixteen, SavedModel(fast) as one:
        assert (sixteen.card["members"], one.card["members"]) == (16, 1)
        assert sixteen.card["training_data"] == "noise"
        assert one.double(picture).shape == (18, 14, 3)
        assert one.double_with_spread(picture)[1] is None
        assert sixteen.double_with_spread(picture)[1] is not None


def test_an_architecture_is_studied(tmp_path: Path) -> None:
    save_one_of_each(tmp_path)
    options = ("--runs", tmp_path / "runs", "--scoreboard", tmp_path / "s.csv", "--steps", 2)
    output = run("train", "study", tmp_path, "--architecture", "srcnn-subpixel", *options)
    assert "srcnn-subpixel, step 2 of 2" in output


def test_train_refuses_members_that_are_none(tmp_path: Path) -> None:
    arguments = ["train", "member", str(tmp_path), "--members", "xyz"]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 2
    assert "give hex digits" in result.output


def test_only_compact_members_are_fitted_together(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="unet cannot be fitted together"):
        run("train", "original", tmp_path, "--together")


def test_a_scoreboard_without_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="has no runs yet"):
        run("scoreboard", "--scoreboard", tmp_path / "none.csv")
