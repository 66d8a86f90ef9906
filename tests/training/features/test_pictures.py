"""The division of the pictures, from files and from shards alike."""

from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from tests.training.features.making import noise, save, save_many
from training.features import pictures
from training.features.crops import Crops
from training.features.degradation import resized
from training.features.packing import Packing, pack
from training.features.pictures import Pair, part, read, sources, validation
from training.features.sources import PARTS, files


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_many(tmp_path_factory.mktemp("pictures") / "plain", 160)


@pytest.fixture(scope="module")
def sharded(plain: Path) -> Path:
    into = plain.with_name("sharded")
    pack(files(plain), into, Packing(smallest=2), lambda done: None)
    return into


@pytest.fixture(params=["plain", "sharded"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_every_picture_is_in_one_part_or_held_out(folder: Path, plain: Path) -> None:
    uses = [part(folder, number) for number in range(PARTS)]
    uses += [validation(folder), pictures.test(folder)]
    names = [source.name for use in uses for source in use]
    assert sorted(names) == sorted(f"plain/{path.name}" for path in plain.iterdir())
    assert all(uses)


def test_files_and_shards_are_divided_alike(plain: Path, sharded: Path) -> None:
    groups = [{source.name: source.group for source in sources(f)} for f in (plain, sharded)]
    assert groups[0] == groups[1]
    assert len(groups[0]) == 160
    for number in range(PARTS):
        assert {s.name for s in part(plain, number)} == {s.name for s in part(sharded, number)}


def test_files_and_shards_hold_the_same_pictures(plain: Path, sharded: Path) -> None:
    pairs = [
        {source.name: read(source) for source in sources(folder)} for folder in (plain, sharded)
    ]
    for name, pair in pairs[0].items():
        again = pairs[1][name]
        assert again.name == pair.name == Path(name).stem
        np.testing.assert_array_equal(again.full, pair.full)
        np.testing.assert_array_equal(again.half, pair.half)


def test_files_and_shards_give_the_same_crops(plain: Path, sharded: Path) -> None:
    batches = []
    for folder in (plain, sharded):
        pairs = sorted((read(source) for source in part(folder, 5)), key=lambda pair: pair.name)
        batches.append(next(Crops(pairs, 2, 4, seed=1).after(0)))
    for ours, theirs in zip(*batches, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_picture_from_a_shard_is_mapped_not_read(sharded: Path) -> None:
    base = read(sources(sharded)[0]).full
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert type(base).__name__ == "mmap"


def test_an_empty_part_is_said(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="no picture for member a"):
        part(tmp_path, 10)


def test_a_half_is_made_unless_it_is_given(tmp_path: Path) -> None:
    full = noise(6, 8, 3)
    np.testing.assert_array_equal(Pair("a", full).half, resized(full, 0.5))
    given = noise(3, 4, 3)
    assert Pair("a", full, given).half is given


def test_unfinished_shards_are_not_learnt_from(sharded: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes((sharded / "plan.json").read_bytes())
    with pytest.raises(DoubletError, match="is unfinished: run doublet features again"):
        sources(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [("index.json", b"{}"), ("part-3-00000.json", b"{"), ("part-3-00000.json", b"[]")],
)
def test_a_broken_list_is_said(plain: Path, tmp_path: Path, file: str, content: bytes) -> None:
    into = tmp_path / "shards"
    pack(files(plain), into, Packing(smallest=2), lambda done: None)
    (into / file).write_bytes(content)
    with pytest.raises(DoubletError, match=f"{file} is broken"):
        part(into, 3)


def test_a_shard_that_was_cut_short_is_said(tmp_path: Path) -> None:
    save(tmp_path / "pictures" / "a.png", noise(6, 8, 3))
    into = tmp_path / "shards"
    pack(files(tmp_path / "pictures"), into, Packing(smallest=2), lambda done: None)
    (pixels,) = into.glob("*.rgb")
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DoubletError, match="is cut short"):
        read(sources(into)[0])
