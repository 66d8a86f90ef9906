"""The scoreboard: a row for each run, brought up to date, best first."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from training import scoreboard
from training.scoreboard import Row

ROW = Row(
    run="runs/start",
    day="2026-11-24",
    architecture="compact",
    parameters=59_852,
    pictures=267,
    start="",
    steps=500,
    of_steps=1_000,
    batch=8,
    crop=48,
    loss="mean_absolute_error",
    optimiser="muon",
    rate=4e-3,
    schedule="constant",
    augmentation="Augmentation(mirror=0.5)",
    degradation="Degradation(jpeg=0.1, noise=0.05)",
    precision="float32",
    backend="tensorflow",
    device="a processor",
    seconds=1800.0,
    watt_hours=2.5,
    energy="estimated",
    best_step=500,
    validation_psnr=37.5,
    bicubic_psnr=35.0,
)


def test_a_run_has_one_row_that_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "scoreboard.csv"
    scoreboard.note(ROW, file)
    scoreboard.note(replace(ROW, run="runs/fast"), file)
    scoreboard.note(replace(ROW, steps=1_000, seconds=3600.0), file)
    rows = scoreboard.read(file)
    assert [(row["run"], row["steps"]) for row in rows] == [
        ("runs/fast", "500"),
        ("runs/start", "1000"),
    ]
    assert rows[1]["degradation"] == ROW.degradation


def test_trainers_that_write_at_a_time_lose_no_row(tmp_path: Path) -> None:
    file = tmp_path / "scoreboard.csv"
    rows = [replace(ROW, run=f"runs/member-{number:x}") for number in range(16)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        list(processes.map(scoreboard.note, rows, [file] * len(rows)))
    assert {row["run"] for row in scoreboard.read(file)} == {row.run for row in rows}


def test_the_best_comes_first_in_the_table(tmp_path: Path) -> None:
    file = tmp_path / "scoreboard.csv"
    scoreboard.note(ROW, file)
    scoreboard.note(replace(ROW, run="runs/unet", architecture="unet", validation_psnr=34.9), file)
    scoreboard.note(replace(ROW, run="runs/fast", validation_psnr=38.0), file)
    _, _, *lines = scoreboard.markdown(scoreboard.read(file)).splitlines()
    assert [line.split(" | ")[0] for line in lines] == [
        "| runs/fast",
        "| runs/start",
        "| runs/unet",
    ]
    assert "| 59,852 | 500 | +2.50 dB | 0.50 | 2.5 (estimated) | a processor |" in lines[1]
    assert "-0.10 dB" in lines[2]


def test_it_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "scoreboard.csv"
    scoreboard.note(ROW, file)
    scoreboard.plot(scoreboard.read(file), tmp_path / "scoreboard.png")
    assert (tmp_path / "scoreboard.png").read_bytes().startswith(b"\x89PNG")
