"""The division of the pictures, and the crops cut from them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.errors import DoubletError
from training.degradation import Degradation, resized
from training.pictures import PARTS, Crops, Pair, Source, part, read, sources, validation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    chance = np.random.default_rng(2)
    for number in range(120):
        pixels = chance.integers(0, 256, (4, 6, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_every_picture_is_in_one_part_or_held_out(folder: Path) -> None:
    uses = [part(folder, number) for number in range(PARTS)] + [validation(folder)]
    names = [source.path.name for use in uses for source in use]
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    assert all(uses)


def test_the_digits_of_the_content_decide() -> None:
    assert Source(Path("a.png"), "3f").part == 3
    assert not Source(Path("a.png"), "3f").held_out
    assert Source(Path("a.png"), "f0").part == 15
    assert Source(Path("a.png"), "f0").held_out


def test_names_and_other_pictures_do_not_matter(folder: Path, tmp_path: Path) -> None:
    original = sources(folder)[7]
    (tmp_path / "renamed.png").write_bytes(original.path.read_bytes())
    (alone,) = sources(tmp_path)
    assert (alone.part, alone.held_out) == (original.part, original.held_out)


def test_an_empty_part_is_said(tmp_path: Path) -> None:
    with pytest.raises(DoubletError, match="no PNG for member a"):
        part(tmp_path, 10)


def test_a_read_picture_has_even_sides_and_its_half(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((7, 9), np.uint8)).save(tmp_path / "grey.png")
    (source,) = sources(tmp_path)
    pair = read(source)
    assert pair.full.shape == (6, 8, 3)
    assert pair.half.shape == (3, 4, 3)


def crops(**options: object) -> Crops:
    full = np.random.default_rng(3).integers(0, 256, (64, 96, 3), np.uint8)
    pair = Pair("noise", full, resized(full, 0.5))
    return Crops(**({"pairs": [pair], "size": 16, "batch": 4, "seed": 9} | options))  # type: ignore[arg-type]


def test_batches_depend_on_seed_and_step_alone() -> None:
    def batch(step: int, seed: int = 9) -> np.ndarray:
        return next(crops(seed=seed).after(step))[0]

    going_on = crops().after(0)
    next(going_on)
    np.testing.assert_array_equal(next(going_on)[0], batch(1))
    assert (batch(0) != batch(1)).any()
    assert (batch(0) != batch(0, seed=10)).any()


def test_a_clean_crop_is_the_half_of_its_whole() -> None:
    """Turned and mirrored alike: away from the edges, halving the whole gives the half."""
    batches = crops(batch=16, degradation=Degradation(jpeg=0, noise=0)).after(0)
    halves, wholes = next(batches)
    assert halves.shape == (16, 16, 16, 3)
    assert wholes.shape == (16, 32, 32, 3)
    inside = slice(2, -2)
    for half, whole in zip(halves, wholes, strict=True):
        again = resized(whole.astype(np.uint8), 0.5).astype(int)
        # Rounded after the rows first: a turned crop may differ by that rounding.
        assert np.abs(again - half)[inside, inside].max() <= 1


def test_pictures_smaller_than_a_crop_are_named() -> None:
    with pytest.raises(DoubletError, match="noise: too small for crops of 80 px"):
        crops(size=40)
