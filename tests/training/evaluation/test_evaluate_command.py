"""`doublet evaluate`, as a person calls it."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from infra.errors import DoubletError
from serving.evaluation import BEGIN, END
from training.commands import commands
from training.features.degradation import resized


def run(*arguments: object) -> str:
    result = CliRunner().invoke(
        commands, ["evaluate", *map(str, arguments)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    truth = np.random.default_rng(11).integers(0, 256, (32, 48, 3), np.uint8)
    for folder, pixels in (("HR", truth), ("LR_x2", resized(truth, 0.5))):
        (tmp_path / "noise" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "noise" / folder / "a.png")
    return tmp_path / "noise"


def test_a_saved_model_is_measured_and_everything_is_written(
    small_model: Path, noise: Path, tmp_path: Path
) -> None:
    card, into = tmp_path / "CARD.md", tmp_path / "report"
    card.write_text(f"{BEGIN}\n{END}\n")
    report = run(
        noise, "--model", small_model, "--jpeg", 50, "--without-truth", noise / "HR",
        "--into", into, "--card", card,
    )  # fmt: skip
    for pictures in ("noise", "noise, JPEG 50", "HR"):
        for subject in ("bicubic", "Lanczos", "doublet/1"):
            assert f"| {pictures} | 1 | {subject} |" in report
    assert "doublet/1: 2 members" in report
    assert re.search(r"Matrices of float32: \d+ GFLOP in a CPU second", report)
    assert "| Pearson | Spearman |" in report
    assert "| points of 240 levels | doublet/1 |" in report
    assert card.read_text() == f"{BEGIN}\n{report}{END}\n"
    assert (into / "report.md").read_text() == report
    rows = list(csv.DictReader((into / "scores.csv").open()))
    assert {row["spread"] != "" for row in rows if row["subject"] == "doublet/1"} == {True}
    for name in ("ranks", "calibration", "best", "worst"):
        with Image.open(into / f"{name}.png") as plot:
            assert len(set(plot.convert("L").tobytes())) > 20, name  # something is drawn


def test_bfloat16_is_measured_only_where_the_processor_has_it(
    small_model: Path, noise: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.evaluation import running

    monkeypatch.setattr(running, "computes_in_bfloat16", lambda: False)
    assert len(running.openers([small_model], [], None)) == 3
    monkeypatch.setattr(running, "computes_in_bfloat16", lambda: True)
    named = [opener().name for opener in running.openers([small_model], [], None)]
    assert named == ["bicubic", "Lanczos", "doublet/1", "doublet/1, bfloat16"]


def test_what_cannot_be_evaluated_is_one_line(noise: Path, small_model: Path) -> None:
    for wanted, arguments in {
        "there is no folder": ("absent",),
        "has no pictures": (noise,),
        "nothing to evaluate on": (),
        "failed with exit code": (noise / "HR", "--command", "false {input} {output}"),
        "neither the folder of a SavedModel": (noise / "HR", "--model", "absent"),
        "has no saved_model.pb": (noise / "HR", "--model", noise),
        "two subjects are called": (
            *(noise / "HR", "--model", small_model),
            *("--model", small_model),
        ),
        "fewer than two": (noise / "HR", "--members", noise),
    }.items():
        if wanted == "has no pictures":
            arguments = (noise / "LR_x2" / "..",)
            (noise / "HR").rename(noise / "full")
        with pytest.raises(DoubletError, match=wanted) as caught:
            run(*arguments)
        assert "\n" not in str(caught.value)
        if wanted == "has no pictures":
            (noise / "full").rename(noise / "HR")


def test_options_that_mean_nothing_are_refused(noise: Path) -> None:
    for arguments in (["--jpeg", "101"], ["--white", "7"]):
        result = CliRunner().invoke(commands, ["evaluate", str(noise), *arguments])
        assert result.exit_code == 2
