"""Packing pictures into shards: each once, whatever they are, and always the same."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.errors import DoubletError
from tests.data import shared_data
from tests.training.features.making import bad_files, bytes_of, noise, save, save_many
from training.features.packing import Outcome, Packing, pack
from training.features.pictures import read, sources
from training.features.sources import Source, files

SMALL = Packing(smallest=2)


def packed(folder: Path, into: Path, packing: Packing = SMALL) -> Outcome:
    return pack(files(folder), into, packing, lambda done: None)


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, "excel-tab"))


def test_a_shard_is_closed_once_it_is_as_large_as_was_asked_for(tmp_path: Path) -> None:
    folder = save_many(tmp_path / "pictures", 60, height=300, width=400)  # 3 fill a mebibyte
    outcome = packed(folder, tmp_path / "shards", Packing(mebibytes=1))
    for group, count in outcome.shards.items():
        sizes = [
            path.stat().st_size for path in sorted((tmp_path / "shards").glob(f"{group}-*.rgb"))
        ]
        assert len(sizes) == count
        assert all(size == 3 * 360_000 for size in sizes[:-1])
        assert 0 < sizes[-1] <= 3 * 360_000
    assert max(outcome.shards.values()) > 1
    assert len(sources(tmp_path / "shards")) == outcome.pictures == 60


def test_a_shard_is_its_pixels_and_its_json(tmp_path: Path) -> None:
    """Read here with nothing of ours, as another program would."""
    pixels = noise(6, 8, 3)
    save(tmp_path / "pictures" / "below" / "a.png", pixels)
    packed(tmp_path / "pictures", tmp_path / "shards")
    (listing,) = (tmp_path / "shards").glob("*-00000.json")
    (entry,) = json.loads(listing.read_text())["pictures"]
    raw = np.fromfile(listing.with_suffix(".rgb"), np.uint8, 6 * 8 * 3, offset=entry["offset"])
    np.testing.assert_array_equal(raw.reshape(entry["height"], entry["width"], 3), pixels)
    assert entry["name"] == "pictures/below/a.png"
    assert entry["mean"] == [round(float(level), 2) for level in pixels.mean(axis=(0, 1))]


def test_where_the_files_lie_does_not_matter(tmp_path: Path) -> None:
    for place in ("here", "there"):
        save_many(tmp_path / place / "pictures", 40)
        packed(tmp_path / place / "pictures", tmp_path / f"shards-{place}")
    assert bytes_of(tmp_path / "shards-here") == bytes_of(tmp_path / "shards-there")


def test_equal_pictures_are_packed_once_however_they_are_encoded(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    pixels = noise(6, 8, 3)
    save(folder / "a.png", pixels)
    (folder / "same-file.png").write_bytes((folder / "a.png").read_bytes())
    save(folder / "other-file.tiff", pixels)
    save(folder / "lossless.webp", pixels, lossless=True)
    save(folder / "other-shape.png", pixels.reshape(8, 6, 3))
    save(folder / "other.png", noise(6, 8, 3, seed=2))
    outcome = packed(folder, tmp_path / "shards")
    assert outcome.pictures == 3
    assert len(outcome.duplicates) == 3
    kept = {source.name for source in sources(tmp_path / "shards")}
    copies = {
        f"pictures/{n}" for n in ("a.png", "same-file.png", "other-file.tiff", "lossless.webp")
    }
    head, *rows = table(tmp_path / "shards" / "duplicates.tsv")
    assert head == ["picture", "equals"]
    assert {name for name, _ in rows} | (kept & copies) == copies
    assert {equal for _, equal in rows} == kept & copies
    assert json.loads((tmp_path / "shards" / "index.json").read_text())["duplicates"] == 3


def test_bad_files_are_counted_and_listed_with_their_reason(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    save(folder / "good.png", noise(100, 100, 3, seed=9))
    save(folder / "narrow.png", noise(100, 95, 3))
    save(folder / "tab\tand\nline.png", noise(8, 8, 3))
    reasons = bad_files(folder) | {
        "narrow.png": "too small (94x100)",
        "tab\tand\nline.png": "too small (8x8)",
    }
    outcome = packed(folder, tmp_path / "shards", Packing())
    assert outcome.pictures == 1
    head, *rows = table(tmp_path / "shards" / "bad.tsv")
    assert head == ["picture", "reason"]
    listed = dict(rows)
    assert listed.keys() == {f"pictures/{name}" for name in reasons}
    for name, reason in reasons.items():
        assert listed[f"pictures/{name}"].startswith(reason)
    index = json.loads((tmp_path / "shards" / "index.json").read_text())
    assert (index["pictures"], index["bad"]) == (1, len(reasons))


def test_nothing_but_bad_files_is_an_outcome_too(tmp_path: Path) -> None:
    bad = bad_files(tmp_path / "pictures")
    outcome = packed(tmp_path / "pictures", tmp_path / "shards")
    assert (outcome.pictures, len(outcome.bad)) == (0, len(bad))
    assert sources(tmp_path / "shards") == []


def test_progress_adds_up_at_the_first_run_and_the_next(tmp_path: Path) -> None:
    bad_files(save_many(tmp_path / "pictures", 40))
    found = files(tmp_path / "pictures")
    for _ in range(2):
        steps: list[int] = []
        pack(found, tmp_path / "shards", SMALL, steps.append)
        assert sum(steps) == len(found)


def test_a_run_that_failed_in_the_middle_is_gone_on_with(tmp_path: Path) -> None:
    """At every fourth source; equal pictures in different parts, so what was seen matters."""
    folder = save_many(tmp_path / "pictures", 12, height=600, width=600)
    for seed in range(12):
        save(folder / f"{seed}.tiff", noise(600, 600, 3, seed=seed))
    found = files(folder)
    pack(found, tmp_path / "straight", Packing(mebibytes=1), lambda done: None)
    for fatal in range(1, len(found), 4):
        done = 0

        def fail(count: int, fatal: int = fatal) -> None:
            nonlocal done
            done += count
            if done >= fatal:
                raise KeyboardInterrupt

        into = tmp_path / f"stopped-{fatal}"
        with pytest.raises(KeyboardInterrupt):
            pack(found, into, Packing(mebibytes=1), fail)
        pack(found, into, Packing(mebibytes=1), lambda done: None)
        assert bytes_of(into) == bytes_of(tmp_path / "straight")


def test_statistics_are_those_of_the_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    save(folder / "a.png", np.full((100, 200, 3), (10, 20, 30), np.uint8))
    save(folder / "b.png", np.full((300, 400, 3), (20, 40, 60), np.uint8))
    packed(folder, tmp_path / "shards")
    figures = json.loads((tmp_path / "shards" / "statistics.json").read_text())
    assert figures["pictures"] == sum(g["pictures"] for g in figures["groups"].values()) == 2
    assert figures["megapixels"] == 0.14
    assert figures["quantiles"]["width"] == {
        "least": 200,
        "quarter": 250,
        "median": 300,
        "three_quarters": 350,
        "most": 400,
    }
    assert figures["quantiles"]["height"]["median"] == 200
    assert [figures["quantiles"][c]["median"] for c in ("red", "green", "blue")] == [15, 30, 45]
    with Image.open(tmp_path / "shards" / "statistics.png") as plot:
        assert plot.format == "PNG"
        assert np.unique(np.asarray(plot.convert("L"))).size > 10


@pytest.mark.parametrize("change", ["picture", "settings"])
def test_other_pictures_or_settings_are_not_mixed_in(tmp_path: Path, change: str) -> None:
    folder = save_many(tmp_path / "pictures", 4)
    packed(folder, tmp_path / "shards")
    before = bytes_of(tmp_path / "shards")
    if change == "picture":
        save(folder / "new.png", noise(6, 8, 3, seed=99))
    with pytest.raises(DoubletError, match="was begun with other pictures or settings"):
        packed(folder, tmp_path / "shards", SMALL if change == "picture" else Packing())
    assert bytes_of(tmp_path / "shards") == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = save_many(tmp_path / "pictures", 1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(DoubletError, match="is not empty"):
        packed(folder, tmp_path / "mine")
    assert bytes_of(tmp_path / "mine") == {"notes.txt": b"keep"}


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = save_many(tmp_path / "pictures", 1)
    with pytest.raises(DoubletError, match="shards cannot be written: Not a directory"):
        packed(folder, tmp_path / "file" / "shards")


def test_a_file_that_went_away_is_missing(tmp_path: Path) -> None:
    outcome = pack(
        [Source(tmp_path / "gone.png", "ab", "gone.png")], tmp_path / "shards", SMALL, print
    )
    assert outcome.bad == [("gone.png", "missing")]


@pytest.mark.slow
def test_three_hundred_real_pictures(tmp_path: Path) -> None:
    folder = shared_data("train")
    outcome = packed(folder, tmp_path / "shards", Packing())
    assert outcome.pictures + len(outcome.duplicates) == len(list(folder.glob("*.png")))
    assert outcome.bad == []
    assert len(outcome.shards) == 18
    for source in sources(tmp_path / "shards")[::40]:
        with Image.open(folder.parent / source.name) as image:
            full = np.asarray(image.convert("RGB"))
        height, width = (side // 2 * 2 for side in full.shape[:2])
        np.testing.assert_array_equal(read(source).full, full[:height, :width])
