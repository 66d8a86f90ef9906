"""Open Images' own lists, beside a folder of what its downloader leaves."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from infra.errors import DoubletError
from tests.training.features.making import noise, save
from training.features import pictures
from training.features.open_images import listed
from training.features.packing import Packing, pack
from training.features.pictures import part, read, sources, validation
from training.features.sources import Source

COLUMNS = [
    "ImageID",
    "Subset",
    "OriginalURL",
    "OriginalLandingURL",
    "License",
    "AuthorProfileURL",
    "Author",
    "Title",
    "OriginalSize",
    "OriginalMD5",
    "Thumbnail300KURL",
    "Rotation",
]

ROTATIONS = {
    "3aff000000000001": "0.0",
    "3bff000000000002": "90.0",
    "90ff000000000003": "180",
    "a1ff000000000004": "270.0",
    "ffff000000000005": "nan",
    "0eff000000000006": "",
}


def write_list(path: Path, rotations: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for image_id, rotation in rotations.items():
            facts = {
                "License": "https://creativecommons.org/licenses/by/2.0/",
                "Author": f"Zoë, “{image_id[0]}”",
                "Title": "several\nlines",
            }
            rows.writerow({"ImageID": image_id, "Rotation": rotation} | facts)
    return path


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    for seed, image_id in enumerate(ROTATIONS):
        save(tmp_path / "train" / f"{image_id}.jpg", noise(100, 120, 3, seed=seed), quality=95)
    return write_list(tmp_path / "list.csv", ROTATIONS)


def test_the_digits_of_the_id_decide(listing: Path, tmp_path: Path) -> None:
    pack([*listed(listing, tmp_path / "train")], tmp_path / "shards", Packing(), print)
    ids = {
        group: [source.name.removesuffix(".jpg") for source in found]
        for group, found in {
            "part 0": part(tmp_path / "shards", 0),
            "part 3": part(tmp_path / "shards", 3),
            "part f": part(tmp_path / "shards", 15),
            "validation": validation(tmp_path / "shards"),
            "test": pictures.test(tmp_path / "shards"),
        }.items()
    }
    assert ids == {
        "part 0": ["0eff000000000006"],
        "part 3": ["3aff000000000001", "3bff000000000002"],
        "part f": ["ffff000000000005"],
        "validation": ["90ff000000000003"],
        "test": ["a1ff000000000004"],
    }


def test_pictures_are_turned_upright_counterclockwise(listing: Path, tmp_path: Path) -> None:
    pack([*listed(listing, tmp_path / "train")], tmp_path / "shards", Packing(), print)
    lying = {
        image_id: Source(tmp_path / "train" / f"{image_id}.jpg", image_id).picture()
        for image_id in ROTATIONS
    }
    turns = dict(zip(ROTATIONS, (0, 1, 2, 3, 0, 0), strict=True))
    for source in sources(tmp_path / "shards"):
        image_id = source.digest
        np.testing.assert_array_equal(read(source).full, np.rot90(lying[image_id], turns[image_id]))


def test_licence_and_author_are_kept(listing: Path, tmp_path: Path) -> None:
    pack([*listed(listing, tmp_path / "train")], tmp_path / "shards", Packing(), print)
    (found,) = part(tmp_path / "shards", 15)
    assert found.licence == "https://creativecommons.org/licenses/by/2.0/"
    assert found.author == "Zoë, “f”"
    (entry,) = json.loads((tmp_path / "shards" / "part-f-00000.json").read_text())["pictures"]
    assert (entry["licence"], entry["author"]) == (found.licence, found.author)


def test_what_was_not_downloaded_is_missing(listing: Path, tmp_path: Path) -> None:
    for image_id in ("3bff000000000002", "90ff000000000003"):
        (tmp_path / "train" / f"{image_id}.jpg").unlink()
    outcome = pack([*listed(listing, tmp_path / "train")], tmp_path / "shards", Packing(), print)
    assert outcome.pictures == 4
    assert outcome.bad == [
        ("3bff000000000002.jpg", "missing"),
        ("90ff000000000003.jpg", "missing"),
    ]


def test_a_picture_on_two_lists_is_packed_once(listing: Path, tmp_path: Path) -> None:
    twice = [*listed(listing, tmp_path / "train")] * 2
    outcome = pack(twice, tmp_path / "shards", Packing(), print)
    assert (outcome.pictures, len(outcome.duplicates)) == (6, 6)


def test_a_list_without_rotations_is_one_too(listing: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("ImageID\n3aff000000000001\n")
    (source,) = listed(tmp_path / "ids.csv", tmp_path / "train")
    assert (source.rotation, source.licence) == (None, "")
    assert source.picture().shape == (100, 120, 3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no column ImageID"),
        ("id,Rotation\n3aff,0\n", "has no column ImageID"),
        ("ImageID\n3aff\n../3aff\n", r"line 3: '\.\./3aff' is no ImageID"),
        ("ImageID\n3\n", "line 2: '3' is no ImageID"),
        ("ImageID,Rotation\n3aff,45\n", r"line 2: '45' is no Rotation \(0, 90, 180, 270 or nan\)"),
        ("ImageID,Rotation\n3aff,left\n", "line 2: 'left' is no Rotation"),
        ("ImageID\n\xff\n", "cannot be read: 'utf-8' codec"),
    ],
)
def test_what_is_no_list_is_said_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "list.csv").write_text(text, encoding="latin-1")
    with pytest.raises(DoubletError, match=complaint):
        [*listed(tmp_path / "list.csv", tmp_path)]
