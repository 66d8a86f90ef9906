"""Which files are pictures, what each is for, and why some are unfit."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.errors import DoubletError
from tests.data import shared_data
from tests.training.features.making import bad_files, noise, save
from training.features.sources import Source, Unfit, decoded, examined, files


@pytest.mark.parametrize(
    ("digits", "part", "use", "group"),
    [
        ("3f", 3, "learning", "part-3"),
        ("f2", 15, "learning", "part-f"),
        ("00", 0, "validation", "validation"),
        ("f0", 15, "validation", "validation"),
        ("a1", 10, "test", "test"),
        ("1a", 1, "learning", "part-1"),
    ],
)
def test_the_digits_of_the_content_decide(digits: str, part: int, use: str, group: str) -> None:
    source = Source(Path("a.png"), digits)
    assert (source.part, source.use, source.group) == (part, use, group)


def test_pictures_are_found_in_folders_below_and_nothing_else(tmp_path: Path) -> None:
    wanted = ["a.png", "below/b.JPG", "below/deep/c.webp", "d.tiff", "e.jpeg", "f.tif"]
    for seed, name in enumerate(wanted):
        save(tmp_path / "photos" / name, noise(6, 8, 3, seed=seed))
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "folder.png").mkdir()
    assert {source.name for source in files(tmp_path / "photos")} == {
        f"photos/{name}" for name in wanted
    }


def test_a_name_that_is_not_utf8_is_still_listed(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(6, 8, 3)).rename(tmp_path / "\udcff.png")
    (source,) = files(tmp_path)
    assert source.name == f"{tmp_path.name}/\N{REPLACEMENT CHARACTER}.png"
    assert source.picture().shape == (6, 8, 3)


def test_names_and_other_pictures_do_not_matter(tmp_path: Path) -> None:
    save(tmp_path / "one" / "a.png", noise(6, 8, 3))
    for seed in range(9):
        save(tmp_path / "many" / f"{seed}.png", noise(6, 8, 3, seed=seed))
    (alone,) = files(tmp_path / "one")
    assert [source.group for source in files(tmp_path / "many") if source.digest == alone.digest]


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    pixels = noise(7, 9, 3)
    save(tmp_path / "a.png", pixels)
    (source,) = files(tmp_path)
    np.testing.assert_array_equal(source.picture(), pixels[:6, :8])


def test_exif_turns_a_picture_upright_unless_a_rotation_is_known(tmp_path: Path) -> None:
    lying = noise(6, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = save(tmp_path / "a.png", lying, exif=exif)
    np.testing.assert_array_equal(decoded(path), np.rot90(lying, -1))
    np.testing.assert_array_equal(decoded(path, rotation=0), lying)
    np.testing.assert_array_equal(decoded(path, rotation=90), np.rot90(lying))


def test_grey_and_palette_pictures_become_rgb(tmp_path: Path) -> None:
    grey = noise(6, 8)
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(decoded(save(tmp_path / "grey.png", grey)), as_rgb)
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    np.testing.assert_array_equal(decoded(tmp_path / "palette.png"), as_rgb)


def test_an_opaque_alpha_channel_is_no_matter_and_a_transparent_one_is(tmp_path: Path) -> None:
    pixels = noise(6, 8, 4)
    pixels[..., 3] = 255
    path = save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(decoded(path), pixels[..., :3])
    pixels[2, 3, 3] = 254
    with pytest.raises(Unfit, match=r"^transparent$"):
        examined(save(path, pixels))


def test_every_unfit_file_has_its_reason(tmp_path: Path) -> None:
    for name, reason in bad_files(tmp_path).items():
        with pytest.raises(Unfit) as raised:
            examined(tmp_path / name)
        assert str(raised.value).startswith(reason)
        assert str(tmp_path) not in str(raised.value)
    with pytest.raises(Unfit, match=r"^missing$"):
        examined(tmp_path / "absent.png")


def test_a_picture_that_would_fill_the_memory_is_not_decoded(tmp_path: Path) -> None:
    """100,010,000 pixels, said by a header; there are no pixels behind it."""
    size = struct.pack(">II", 10_000, 10_001)
    path = save(tmp_path / "a.png", noise(6, 8, 3))
    header = path.read_bytes()
    assert header[16:24] == struct.pack(">II", 8, 6)
    changed = header[:16] + size + header[24:29]
    path.write_bytes(changed + struct.pack(">I", zlib.crc32(changed[12:29])) + header[33:])
    with pytest.raises(Unfit, match=r"too large \(10000x10001\)"):
        examined(path)


def test_an_unfit_file_among_those_to_learn_from_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (source,) = files(tmp_path)
    with pytest.raises(DoubletError, match=r"text\.png is undecodable \(not a picture\): take it"):
        source.picture()


def test_a_phones_picture_with_a_preview_is_a_picture(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(16, 16, 3, seed=seed)) for seed in range(2)]
    path = tmp_path / "phone.jpg"
    frames[0].save(path, format="MPO", save_all=True, append_images=frames[1:])
    assert decoded(path).shape == (16, 16, 3)


def test_whatever_other_people_made_ends_as_a_picture_or_with_a_reason() -> None:
    paths = [path for path in shared_data("malformed").rglob("*") if path.is_file()]
    endings = [ending_of(path) for path in paths]
    assert all(endings)
    assert 50 < endings.count("fit") < len(paths)


def ending_of(path: Path) -> str:
    try:
        picture = examined(path)
    except Unfit as error:
        return str(error)
    return "fit" if picture.dtype == np.uint8 and picture.shape[2] == 3 else ""
