"""`doublet features`, as a person calls it, kills it, and calls it again."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.errors import DoubletError
from tests.training.features.making import bytes_of, noise, save, save_many
from training.commands import commands
from training.features.pictures import sources
from training.features.reporting import gather

REPOSITORY = Path(__file__).parents[3]

SHARDS_BEFORE_THE_KILL = 4


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "doublet", "features", *(str(a) for a in arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=REPOSITORY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 pictures, some of them twice: two fill a shard of a mebibyte."""
    folder = save_many(tmp_path_factory.mktemp("pictures"), 150, height=420, width=420)
    for seed in range(0, 150, 10):
        save(folder / f"{seed}.tiff", noise(420, 420, 3, seed=seed))
    return folder


@pytest.mark.slow
def test_a_killed_run_goes_on_without_redoing_anything(folder: Path, tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert run(folder, "--into", straight, "--shard", 1).returncode == 0

    process = subprocess.Popen(command(folder, "--into", killed, "--shard", 1), cwd=REPOSITORY)
    while len([*killed.glob("*-*.json")]) < SHARDS_BEFORE_THE_KILL:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "index.json").exists()
    finished = {
        file: file.stat().st_ino
        for listing in killed.glob("*-*.json")
        for file in (listing, listing.with_suffix(".rgb"))
    }

    again = run(folder, "--into", killed, "--shard", 1)
    assert again.returncode == 0, again.stderr
    assert bytes_of(killed) == bytes_of(straight)
    assert {file: file.stat().st_ino for file in finished} == finished
    assert len(sources(killed)) == 150


def test_it_says_what_became_of_everything(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "more" / "small.png", noise(8, 8, 3))
    outcome = run(folder, tmp_path / "more", "--into", tmp_path / "shards")
    assert re.search(
        r"shards: 150 pictures in 18 shards; left out: 15 duplicates, 1 bad\n$", outcome.stdout
    )
    assert outcome.stderr == ""
    assert "more/small.png\ttoo small (8x8)" in (tmp_path / "shards" / "bad.tsv").read_text()


def test_members_learn_from_shards(tmp_path: Path) -> None:
    pictures = save_many(tmp_path / "pictures", 50, height=100, width=100)
    assert run(pictures, "--into", tmp_path / "shards").returncode == 0
    arguments = ["train", "member", tmp_path / "shards", "--members", "3", "--steps", 2]
    arguments += ["--scoreboard", tmp_path / "scoreboard.csv"]
    trained = CliRunner().invoke(
        commands,
        [str(argument) for argument in [*arguments, "--runs", tmp_path / "runs"]],
        catch_exceptions=False,
    )
    assert trained.exit_code == 0
    assert "member-3, step 2 of 2" in trained.output


def test_somebody_who_looks_on_sees_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    into = tmp_path / "shards"
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    process = subprocess.Popen(
        command(folder, "--into", into),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=REPOSITORY,
        env=environment,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other end was closed
        pass
    assert process.wait() == 0
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", shown)
    assert re.search(rb"hashing .* \d+/\?", plain)
    assert re.search(rb"packing .* \d+/165 \d:\d\d:\d\d", plain)


def test_two_runs_do_not_pack_into_one_folder(folder: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(command(folder, "--into", tmp_path / "shards"), cwd=REPOSITORY)
    try:
        while not (tmp_path / "shards" / "plan.json").exists():
            assert first.poll() is None, "it ended before the second began"
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)
        second = run(folder, "--into", tmp_path / "shards")
        assert second.returncode == 1
        assert re.fullmatch(r"doublet: another doublet features is .*\n", second.stderr)
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
    assert len(sources(tmp_path / "shards")) == 150


def test_open_images_lists_are_taken(tmp_path: Path) -> None:
    save(tmp_path / "train" / "3aff000000000001.jpg", noise(100, 120, 3))
    (tmp_path / "list.csv").write_text("ImageID,Rotation\n3aff000000000001,90\n")
    outcome = run(
        tmp_path / "list.csv", "--pictures", tmp_path / "train", "--into", tmp_path / "shards"
    )
    assert outcome.returncode == 0, outcome.stderr
    (source,) = sources(tmp_path / "shards")
    assert source.picture().shape == (120, 100, 3)


@pytest.mark.parametrize(
    ("place", "into", "complaint"),
    [
        ("empty", "shards", "no picture in empty"),
        ("list.csv", "shards", r"list\.csv names pictures: say with --pictures where"),
        ("notes.txt", "shards", r"notes\.txt is neither a folder nor a CSV of Open Images"),
        ("full", "full/shards", "full/shards is inside full: give a folder outside"),
        ("full", "full", "full is inside full: give a folder outside"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, into: str, complaint: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("ImageID\n3aff\n")
    (tmp_path / "notes.txt").touch()
    save(tmp_path / "full" / "a.png", noise(8, 8, 3))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DoubletError, match=f"^{complaint}"):
        gather([Path(place)], None, Path(into), lambda: None)


def test_it_is_said_in_one_line(tmp_path: Path) -> None:
    outcome = run(tmp_path, "--into", tmp_path / "shards")
    assert outcome.returncode == 1
    assert outcome.stderr == f"doublet: {tmp_path / 'shards'} is inside {tmp_path}: " + (
        "give a folder outside\n"
    )
    assert not (tmp_path / "shards").exists()
