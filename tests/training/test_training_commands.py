"""`doublet train`, as a person calls it."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from infra.errors import DoubletError
from tests.training.making import save_one_of_each
from training.commands import commands
from training.compact import detail
from training.evaluation.saved_model import SavedModel
from training.fitting import checkpoint


def run(*arguments: object) -> str:
    result = CliRunner().invoke(commands, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.timeout(400)  # sixteen networks in one graph take a minute to build
def test_the_ways_to_a_shipped_model(tmp_path: Path) -> None:
    """A start, members from it, the quick network from both, and both exports."""
    save_one_of_each(tmp_path)
    runs, board = tmp_path / "runs", tmp_path / "scoreboard.csv"

    def train(recipe: str, *options: object) -> str:
        return run("train", recipe, tmp_path, "--runs", runs, "--scoreboard", board, *options)

    output = train("start", "--steps", 3, "--every", 2)
    train("settle", "--steps", 2)
    assert "start, step 2 of 3" in output
    assert "start, step 3 of 3" in output
    assert "teachers, step 2 of 2" in train("teacher", "--together", "--steps", 2)
    with pytest.raises(DoubletError, match=r"teacher-3\.npz was fitted beside others"):
        train("teacher", "--members", "3")
    assert "fast, step 2 of 2" in train("fast", "--steps", 2)
    assert "| runs/fast | compact | 59,852 | 2 |" in run("scoreboard", "--scoreboard", board)

    ensemble, fast = tmp_path / "doublet" / "7", tmp_path / "doublet-fast" / "1"
    for what, folder in (("ensemble", ensemble), ("fast", fast)):
        folder.parent.mkdir()
        run("export", what, folder, "--runs", runs, "--data", "noise", "--recipe", "teacher")
    picture = np.random.default_rng(1).integers(0, 256, (9, 7, 3), np.uint8)
    with SavedModel(ensemble) as sixteen, SavedModel(fast) as one:
        assert (sixteen.card["members"], one.card["members"]) == (16, 1)
        assert sixteen.card["training_data"] == "noise"
        assert one.double(picture).shape == (18, 14, 3)
        assert one.double_with_spread(picture)[1] is None
        assert sixteen.double_with_spread(picture)[1] is not None


def test_members_go_on_each_from_its_own(tmp_path: Path) -> None:
    save_one_of_each(tmp_path)
    runs = tmp_path / "runs"
    options = ("--runs", runs, "--scoreboard", tmp_path / "s.csv", "--steps", 2)
    begun = {number: detail(seed=number).get_weights() for number in (3, 4)}
    for number, weights in begun.items():
        checkpoint.write(runs / f"member-{number}.npz", {"best": weights}, {})
    output = run("train", "further", tmp_path, "--members", "34", *options)
    assert "further-3, step 2 of 2" in output
    for number, weights in begun.items():
        (own, *_) = checkpoint.weights(runs / f"further-{number}.npz", "weights")
        np.testing.assert_allclose(own, weights[0], atol=0.01)
        assert (own != weights[0]).any()
    with pytest.raises(DoubletError, match=r"there is no checkpoint .*member-5\.npz: fit it first"):
        run("train", "further", tmp_path, "--members", "5", *options)
    with pytest.raises(
        DoubletError, match=r"^further starts from a network of each part: leave out"
    ):
        run("train", "further", tmp_path, "--together", *options)


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
