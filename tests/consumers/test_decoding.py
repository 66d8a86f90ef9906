"""Every file ends in a picture or in a reason, and every mode has its stated outcome."""

import io
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from consumers import samples
from consumers.decoding import decode
from infra.admission import BadPicture, Limits
from infra.events.reasons import Reason
from infra.settings import MEBIBYTE
from tests.consumers import pngs
from tests.consumers.memory import peak_bytes
from tests.fixtures import bombs

ROOMY = Limits(max_bytes=2**28, max_pixels=120_000_000, max_side=30_000)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Image.Image:
    values = np.linspace(0, 255, size[0] * size[1] * 3).astype(np.uint8)
    return Image.fromarray(values.reshape(size[1], size[0], 3)).convert(mode)


def outcome(content: bytes, limits: Limits) -> str:
    """``picture``, or the code of the reason why not."""
    try:
        picture = decode(content, limits)
    except BadPicture as refusal:
        return refusal.reason.value
    assert picture.pixels.shape == (picture.height, picture.width, 3)
    return "picture"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG", "AVIF"])
def test_every_format_of_the_allow_list_is_read(kind: str) -> None:
    picture = decode(encoded(gradient(), kind), ROOMY)
    assert picture.pixels.shape == (4, 6, 3)
    assert picture.pixels.dtype == np.uint8


def test_colour_is_read_as_it_is() -> None:
    picture = decode(encoded(gradient()), ROOMY)
    np.testing.assert_array_equal(picture.pixels, np.asarray(gradient()))
    assert (picture.grey, picture.alpha, picture.notes) == (False, None, ())


def test_grey_stays_known_as_grey() -> None:
    picture = decode(encoded(gradient("L")), ROOMY)
    assert picture.grey
    np.testing.assert_array_equal(picture.pixels[:, :, 1], np.asarray(gradient("L")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_kept_apart_from_colour(mode: str) -> None:
    image = gradient().convert(mode)
    image.putalpha(77)
    picture = decode(encoded(image), ROOMY)
    assert picture.alpha is not None
    assert (picture.alpha == 77).all()
    assert picture.grey is (mode == "LA")


def test_a_palette_is_resolved() -> None:
    picture = decode(encoded(gradient("P")), ROOMY)
    np.testing.assert_array_equal(picture.pixels, np.asarray(gradient("P").convert("RGB")))


def test_cmyk_becomes_rgb_and_says_so() -> None:
    picture = decode(encoded(gradient("CMYK"), "TIFF"), ROOMY)
    assert picture.notes == ("CMYK converted to sRGB",)


def test_sixteen_bits_become_eight_and_say_so() -> None:
    deep = Image.fromarray(np.array([[0, 257, 65535]], np.uint16))
    picture = decode(encoded(deep), ROOMY)
    assert picture.pixels[0, :, 0].tolist() == [0, 1, 255]
    assert picture.notes == ("16 bits a channel reduced to 8",)
    assert picture.grey


def test_thirty_two_bits_are_refused() -> None:
    with pytest.raises(BadPicture) as refusal:
        decode(encoded(Image.new("F", (2, 2)), "TIFF"), ROOMY)
    assert refusal.value.reason is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = gradient().convert("RGBA")
    image.putalpha(gradient("L"))
    content = encoded(image, kind, exif=exif, lossless=True)
    picture = decode(content, ROOMY)
    with Image.open(io.BytesIO(content)) as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(picture.pixels, upright[:, :, :3])
    np.testing.assert_array_equal(picture.alpha, upright[:, :, 3])
    assert picture.notes == (("turned upright",) if orientation > 1 else ())


def test_the_colour_profile_is_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode(encoded(gradient(), icc_profile=profile), ROOMY).icc_profile == profile


def test_the_first_of_several_frames_is_taken_and_says_so() -> None:
    frames = [Image.new("RGB", (3, 3), colour) for colour in ("red", "blue")]
    picture = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), ROOMY)
    assert picture.notes == ("first of several frames",)
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (b"", ROOMY, Reason.EMPTY),
        (b"x" * 11, Limits(10, 100, 100), Reason.TOO_MANY_BYTES),
        (bombs.png(200_000, 500), ROOMY, Reason.SIDE_TOO_LONG),
        (bombs.png(29_000, 29_000), ROOMY, Reason.TOO_MANY_PIXELS),
        (bombs.gif(29_000, 29_000), ROOMY, Reason.TOO_MANY_PIXELS),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", ROOMY, Reason.UNSUPPORTED_FORMAT),
        (b"8BPS\0\1" + bytes(40), ROOMY, Reason.UNSUPPORTED_FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ROOMY, Reason.UNSUPPORTED_FORMAT),
        (bombs.png(10, 10), ROOMY, Reason.UNDECODABLE),
        (encoded(gradient(size=(90, 90)))[:-200], ROOMY, Reason.UNDECODABLE),
    ],
)
def test_what_cannot_be_a_picture_is_refused_with_its_reason(
    content: bytes, limits: Limits, reason: Reason
) -> None:
    assert outcome(content, limits) == reason


@settings(deadline=None)
@given(st.data())
def test_damage_ends_in_a_picture_or_in_a_reason(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"]))
    content = bytearray(encoded(gradient(size=(20, 20)), kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    assert outcome(bytes(content[:cut]), Limits(2**20, 10_000, 1_000)) in {"picture", *Reason}


def test_a_reader_that_allocates_early_is_refused_before_it_does() -> None:
    before = peak_bytes()
    assert outcome(bombs.gif(29_000, 29_000), ROOMY) == Reason.TOO_MANY_PIXELS
    assert peak_bytes() - before < 100 * MEBIBYTE


def test_one_picture_is_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    content, inside, most = encoded(gradient()), Semaphore(1), []
    take = samples.take

    def watched(image: Image.Image, content: bytes) -> Any:
        most.append(inside.acquire(blocking=False))
        time.sleep(0.01)
        inside.release()
        return take(image, content)

    monkeypatch.setattr(samples, "take", watched)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: decode(content, ROOMY), range(8)))
    assert most == [True] * 8


def test_a_pngs_gamma_is_kept_unless_it_says_something_better() -> None:
    linear = struct.pack(">I", 100_000)
    one = np.zeros((1, 1, 1), np.uint16)
    assert decode(pngs.deep_png(one, pngs.GREY, (b"gAMA", linear)), ROOMY).gamma == 1.0
    better = pngs.deep_png(one, pngs.GREY, (b"sRGB", b"\0"), (b"gAMA", linear))
    assert decode(better, ROOMY).gamma is None
    for nonsense in (0, 0xFFFFFFFF):
        content = pngs.deep_png(one, pngs.GREY, (b"gAMA", struct.pack(">I", nonsense)))
        assert decode(content, ROOMY).gamma is None
