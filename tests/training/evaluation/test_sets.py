"""What subjects are evaluated on."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.errors import DoubletError
from training.evaluation.running import sets
from training.evaluation.sets import as_they_are, examples, held_out, with_truth
from training.features.degradation import resized


def save(path: Path, height: int = 20, width: int = 24, seed: int = 0, mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def test_a_folder_of_pictures_is_halved(tmp_path: Path) -> None:
    save(tmp_path / "odd.png", 21, 25)
    save(tmp_path / "photo.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    odd, photo = with_truth(tmp_path).examples
    assert (odd.name, photo.name) == ("odd", "photo")
    assert odd.truth is not None
    assert odd.truth.shape == (20, 24, 3)
    assert (odd.half == resized(odd.truth, 0.5)).all()


def test_a_benchmark_keeps_its_own_halves_and_knows_what_is_grey(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png", 20, 24, mode="L")
    half = save(tmp_path / "LR_x2" / "a.png", 10, 12, seed=7)
    (example,) = with_truth(tmp_path).examples
    assert example.grey
    assert (example.half == np.asarray(Image.open(half))).all()


def test_without_truth_pictures_stay_as_they_are(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 3, 5)
    (example,) = as_they_are(tmp_path).examples
    assert example.truth is None
    assert example.half.shape == (3, 5, 3)


def test_only_what_no_member_learns_from_is_held_out(tmp_path: Path) -> None:
    for seed in range(60):
        save(tmp_path / f"{'astro' if seed % 2 else 'photo'}-{seed}.png", seed=seed)
    wanted = {
        path.stem
        for path in tmp_path.glob("*.png")
        if hashlib.sha256(path.read_bytes()).hexdigest()[1] in "01"
    }
    found = held_out(tmp_path)
    assert {example.name for example in found.examples} == wanted
    sky = {example.name for example in found.of_the_sky().examples}
    assert sky == {name for name in wanted if name.startswith("astro-")}
    assert sky


def test_jpeg_changes_what_is_doubled_and_not_the_truth(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 32, 32)
    clean, mild, strong = sets([tmp_path], None, [], [90, 50])
    assert [mild.name, strong.name] == [f"{clean.name}, JPEG 90", f"{clean.name}, JPEG 50"]
    damage = [
        np.abs(s.examples[0].half.astype(int) - clean.examples[0].half).mean()
        for s in (mild, strong)
    ]
    assert 0 < damage[0] < damage[1]
    assert strong.examples[0].truth is clean.examples[0].truth


def test_the_pictures_of_the_sky_are_shared_and_not_doubled_twice(tmp_path: Path) -> None:
    for seed in range(60):
        save(tmp_path / f"astro-{seed}.png", seed=seed)
    both = sets([], tmp_path, [], [])
    assert [s.name for s in both] == ["held out", "held out, astro"]
    assert len(examples(both)) == len(both[0].examples) == len(both[1].examples)


def test_what_is_lacking_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match=r"there is no folder .*absent"):
        with_truth(tmp_path / "absent")
    with pytest.raises(DoubletError, match="has no pictures"):
        with_truth(tmp_path)
    with pytest.raises(DoubletError, match="nothing to evaluate on"):
        sets([], None, [], [])
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(DoubletError, match=r"broken\.png is undecodable"):
        with_truth(tmp_path)
    (tmp_path / "HR").mkdir()
    with pytest.raises(DoubletError, match=r"has no HR/\*\.png"):
        with_truth(tmp_path)
    save(tmp_path / "HR" / "a.png")
    with pytest.raises(DoubletError, match=r"lacks .*LR_x2"):
        with_truth(tmp_path)


def test_pictures_too_small_to_measure_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "tiny.png", 12, 40)
    with pytest.raises(DoubletError, match="tiny is smaller than 16 px"):
        with_truth(tmp_path)
