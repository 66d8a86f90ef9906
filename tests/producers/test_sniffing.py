"""What is taken for a picture, and what is refused before anything is sent."""

from pathlib import Path

import pytest
from PIL import Image

from infra.admission import MEDIA_TYPES, BadPicture, Limits
from infra.events.reasons import Reason
from producers.sniffing import Sniffed, Unreadable, sniff
from tests.data import shared_data
from tests.producers.conftest import picture

LIMITS = Limits(max_bytes=100_000, max_pixels=10_000, max_side=500)


@pytest.mark.parametrize("form", sorted(MEDIA_TYPES))
def test_every_format_of_the_list_is_known_by_its_bytes(form: str, tmp_path: Path) -> None:
    content = picture(20, 10, form)
    expected = Sniffed(MEDIA_TYPES[form], 20, 10, len(content))
    assert sniff(content, LIMITS) == expected
    misnamed = tmp_path / "misnamed.txt"
    misnamed.write_bytes(content)
    assert sniff(misnamed, LIMITS) == expected


def test_a_phones_double_picture_is_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    first, second = Image.new("RGB", (20, 10)), Image.new("RGB", (20, 10), "red")
    first.save(path, "MPO", save_all=True, append_images=[second])
    assert sniff(path, LIMITS).media_type == "image/jpeg"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<html><body>not found</body></html>",
        b"%!PS-Adobe-3.0",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(BadPicture):
        sniff(content, LIMITS)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        sniff(tmp_path / "nowhere.png", LIMITS)
    with pytest.raises(Unreadable, match="not a file"):
        sniff(tmp_path, LIMITS)


def test_limits_name_the_setting_to_change() -> None:
    with pytest.raises(BadPicture, match="MAX_PICTURE_BYTES"):
        sniff(picture(10, 10) + bytes(100_000), LIMITS)
    with pytest.raises(BadPicture, match="MAX_PICTURE_PIXELS"):
        sniff(picture(101, 100), LIMITS)
    with pytest.raises(BadPicture, match="MAX_PICTURE_SIDE"):
        sniff(picture(501, 1), LIMITS)


def test_a_picture_at_the_limits_is_taken() -> None:
    assert sniff(picture(100, 100), LIMITS).width == 100
    assert sniff(picture(500, 1), LIMITS).width == 500


def test_a_header_that_promises_a_bomb_is_refused_without_a_warning(
    recwarn: pytest.WarningsRecorder,
) -> None:
    bomb = bytearray(picture(10, 10, "BMP"))
    bomb[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(BadPicture):
        sniff(bytes(bomb), LIMITS)
    assert not recwarn.list


def test_every_odd_file_has_a_stated_outcome() -> None:
    generous = Limits(max_bytes=10**9, max_pixels=10**9, max_side=10**6)
    outcomes = set()
    for path in shared_data("malformed").rglob("*"):
        if path.is_file():
            try:
                outcomes.add(sniff(path, generous).media_type)
            except BadPicture as error:
                outcomes.add(error.reason)
    assert outcomes >= {
        "image/png",
        "image/jpeg",
        Reason.UNSUPPORTED_FORMAT,
        Reason.TOO_MANY_PIXELS,
    }
