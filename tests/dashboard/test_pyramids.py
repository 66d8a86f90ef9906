"""Tiles of stored pictures: the right pixels, whatever the picture, and bounded room."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from consumers.png import PngWriter
from dashboard import png_rows
from dashboard.previews import NoPreview, Preview
from dashboard.pyramids import TILE, NoRoomForTiles, NoSuchTile, Pyramids
from infra.blobs import BlobStore
from tests.fixtures.blob_stores import blobs_at

MOST = 10_000_000
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return blobs_at((tmp_path / "blobs").as_uri())


@pytest.fixture
def pyramids(blobs: BlobStore, tmp_path: Path) -> Pyramids:
    return Pyramids(blobs, tmp_path / "tiles", MOST)


@pytest.mark.parametrize("mode", CHANNELS)
def test_the_tiles_of_a_result_are_its_pixels(
    mode: str, pyramids: Pyramids, blobs: BlobStore
) -> None:
    pixels = _noise(1300, 700, CHANNELS[mode])
    blob = blobs.put(_result(pixels))
    about = pyramids.about(blob)
    assert (about.width, about.height, about.levels, about.side) == (1300, 700, 3, TILE)
    rows = [
        np.concatenate([_seen(pyramids.tile(blob, 0, column, row)) for column in range(3)], axis=1)
        for row in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(rows), pixels)


def test_each_level_is_half_of_the_one_before(pyramids: Pyramids, blobs: BlobStore) -> None:
    pixels = _noise(1301, 1027, 3)
    blob = blobs.put(_result(pixels))
    levels = pyramids.about(blob).levels
    whole = Image.fromarray(pixels)
    for _ in range(levels - 1):
        whole = whole.reduce(2)
    np.testing.assert_array_equal(_seen(pyramids.tile(blob, levels - 1, 0, 0)), np.asarray(whole))


def test_a_grey_picture_tells_how_often_each_value_occurs(
    pyramids: Pyramids, blobs: BlobStore
) -> None:
    pixels = _noise(100, 40, 1)
    about = pyramids.about(blobs.put(_result(pixels)))
    assert about.histogram == np.bincount(pixels.ravel(), minlength=256).tolist()
    assert pyramids.about(blobs.put(_result(_noise(100, 40, 3)))).histogram is None


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_bicubic_tiles_join_to_the_bicubic_whole(
    mode: str, pyramids: Pyramids, blobs: BlobStore
) -> None:
    pixels = _noise(300, 530, CHANNELS[mode])
    blob = blobs.put(_result(pixels))
    rows = [
        np.concatenate([_seen(pyramids.bicubic(blob, column, row)) for column in range(2)], axis=1)
        for row in range(3)
    ]
    whole = Image.fromarray(pixels.squeeze()).resize((600, 1060), Image.Resampling.BICUBIC)
    seen = np.concatenate(rows).squeeze().astype(np.int16)
    assert np.abs(seen - np.asarray(whole, np.int16)).max() <= 1


@pytest.mark.parametrize(
    ("format", "mode"), [("JPEG", "RGB"), ("PNG", "P"), ("TIFF", "L"), ("WEBP", "RGBA")]
)
def test_originals_of_any_format_have_tiles(
    format: str, mode: str, pyramids: Pyramids, blobs: BlobStore
) -> None:
    file = io.BytesIO()
    Image.fromarray(_noise(600, 90, 3)).convert(mode).save(file, format)
    blob = blobs.put(file.getvalue())
    assert pyramids.about(blob).levels == 2
    assert _seen(pyramids.tile(blob, 0, 1, 0)).shape[:2] == (90, 600 - TILE)


@pytest.mark.parametrize("first", [True, False])
def test_a_turned_png_is_shown_upright(first: bool, pyramids: Pyramids, blobs: BlobStore) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(_noise(40, 20, 3)).save(file, "PNG", exif=exif)
    content = file.getvalue()
    if not first:  # behind the pixels, as the specification allows
        start = content.index(b"eXIf") - 4
        chunk = content[start : start + 12 + int.from_bytes(content[start : start + 4], "big")]
        content = content.replace(chunk, b"")
        content = content[:-12] + chunk + content[-12:]
    about = pyramids.about(blobs.put(content))
    assert (about.width, about.height) == (20, 40)


def test_the_colour_profile_goes_with_every_tile(pyramids: Pyramids, blobs: BlobStore) -> None:
    profile = b"a profile that is carried and not read" * 9
    blob = blobs.put(_result(_noise(40, 20, 3), profile))
    for tile in (pyramids.tile(blob, 0, 0, 0), pyramids.bicubic(blob, 0, 0)):
        with Image.open(io.BytesIO(tile.content)) as image:
            assert image.info["icc_profile"] == profile


@pytest.mark.parametrize("content", [b"<html>", b"\x89PNG\r\n\x1a\n", b""])
def test_what_is_no_picture_has_no_tiles(
    content: bytes, pyramids: Pyramids, blobs: BlobStore
) -> None:
    with pytest.raises(NoPreview):
        pyramids.about(blobs.put(content))


def test_a_torn_picture_has_no_tiles_and_leaves_nothing(
    pyramids: Pyramids, blobs: BlobStore, tmp_path: Path
) -> None:
    whole = _result(_noise(400, 300, 3))
    for length in (len(whole) // 2, len(whole) * 9 // 10):
        with pytest.raises(NoPreview):
            pyramids.about(blobs.put(whole[:length]))
    assert list((tmp_path / "tiles").iterdir()) == []


def test_a_picture_of_too_many_pixels_has_no_tiles(blobs: BlobStore, tmp_path: Path) -> None:
    few = Pyramids(blobs, tmp_path / "tiles", max_pixels=99)
    with pytest.raises(NoPreview, match="too many"):
        few.about(blobs.put(_result(_noise(10, 10, 3))))


def test_a_tile_that_is_not_there_is_told_apart(pyramids: Pyramids, blobs: BlobStore) -> None:
    blob = blobs.put(_result(_noise(600, 20, 3)))
    for level, column, row in ((0, 2, 0), (0, 0, 1), (2, 0, 0)):
        with pytest.raises(NoSuchTile):
            pyramids.tile(blob, level, column, row)


def test_those_not_looked_at_for_longest_make_room(blobs: BlobStore, tmp_path: Path) -> None:
    pictures = [blobs.put(_result(_noise(100, 100, 3, seed))) for seed in range(3)]
    two = Pyramids(blobs, tmp_path / "tiles", MOST, room=75_000)
    two.about(pictures[0])
    two.about(pictures[1])
    two.about(pictures[0])
    two.about(pictures[2])
    kept = {path.name for path in (tmp_path / "tiles").iterdir()}
    assert kept == {pictures[0].sha256, pictures[2].sha256}
    assert two.about(pictures[1]).width == 100  # it is made again


def test_a_disk_that_is_away_is_said_so(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    nowhere = Pyramids(blobs, tmp_path / "file" / "tiles", MOST)
    with pytest.raises(NoRoomForTiles, match="tiles cannot be kept"):
        nowhere.about(blobs.put(_result(_noise(10, 10, 3))))


@settings(deadline=None, max_examples=30)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    mode=st.sampled_from(sorted(CHANNELS)),
    strip=st.integers(1, 500),
    level=st.integers(0, 9),
)
def test_a_png_in_strips_is_the_png_as_a_whole(
    width: int,
    height: int,
    mode: str,
    strip: int,
    level: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("png") / "picture.png"
    pixels = _noise(width, height, CHANNELS[mode])
    Image.fromarray(pixels.squeeze(2) if mode == "L" else pixels).save(path, compress_level=level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png_rows, "_STRIP_BYTES", strip)
        patch.setattr(png_rows, "_PIECE", 7)
        strips = list(png_rows.rows_of(path, width, height, mode))
    assert all(len(rows) % 2 == 0 for rows in strips[:-1])
    np.testing.assert_array_equal(np.concatenate(strips), pixels)


def _noise(width: int, height: int, channels: int, seed: int = 1) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), dtype=np.uint8)


def _result(pixels: NDArray[np.uint8], profile: bytes | None = None) -> bytes:
    """As the consumer writes it."""
    file = io.BytesIO()
    height, width, channels = pixels.shape
    with PngWriter(file, width, height, channels, profile) as writer:
        writer.write(pixels)
    return file.getvalue()


def _seen(tile: Preview) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(tile.content)) as image:
        return np.asarray(image).reshape(image.height, image.width, len(image.getbands()))
