"""Headers that lie and files that are cut: a picture within the limits, or a reason. Never more.

Hypothesis makes them from valid files and from formats' own fields, with the checksums right, so
that what lies beyond the first check is reached.
"""

import io
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from consumers.decoding import decode
from infra.admission import BadPicture, Limits
from infra.settings import MEBIBYTE
from tests.consumers import pngs
from tests.consumers.memory import peak_bytes

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells what it mends

LIMITS = Limits(max_bytes=2**20, max_pixels=40_000, max_side=1_000)
MOST_MEMORY = 48 * MEBIBYTE
"""A picture at these limits takes less than one MiB; the rest is room for Python's own."""

UNHURRIED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])

word = st.integers(0, 0xFFFF)
number = st.one_of(st.integers(0, 300), st.integers(0, 0xFFFFFFFF))
octet = st.integers(0, 0xFF)


def valid(kind: str, mode: str) -> bytes:
    values = np.linspace(0, 255, 24 * 20 * 3).astype(np.uint8)
    image = Image.fromarray(values.reshape(20, 24, 3)).convert(mode)
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, Any] = {} if kind in {"BMP", "GIF"} else {"exif": exif}
    image.save(file, kind, **options)
    return file.getvalue()


VALID = {
    f"{kind} {mode}": valid(kind, mode)
    for kind, modes in {
        "PNG": ("RGB", "RGBA", "P", "I;16", "1"),
        "JPEG": ("RGB", "L", "CMYK"),
        "GIF": ("P", "L"),
        "WEBP": ("RGB", "RGBA"),
        "TIFF": ("RGB", "CMYK", "I;16", "1", "LAB"),
        "BMP": ("RGB", "P", "1"),
    }.items()
    for mode in modes
}


def ends_well(content: bytes) -> None:
    """It is decoded within the limits or refused with a reason, and memory stays bounded."""
    before = peak_bytes()
    with suppress(BadPicture):
        picture = decode(content, LIMITS)
        assert picture.width * picture.height <= LIMITS.max_pixels
        assert max(picture.width, picture.height) <= LIMITS.max_side
        assert picture.pixels.shape == (picture.height, picture.width, 3)
        assert picture.pixels.dtype == np.uint8
        if picture.alpha is not None:
            assert picture.alpha.shape == (picture.height, picture.width)
    assert peak_bytes() - before < MOST_MEMORY


@pytest.mark.parametrize("name", VALID)
def test_whatever_it_is_cut_from_is_a_picture(name: str) -> None:
    decode(VALID[name], LIMITS)


@UNHURRIED
@given(st.data())
def test_a_cut_file(data: st.DataObject) -> None:
    content = VALID[data.draw(st.sampled_from(sorted(VALID)))]
    ends_well(content[: data.draw(st.integers(0, len(content) - 1))])


@UNHURRIED
@given(st.data())
def test_a_damaged_header(data: st.DataObject) -> None:
    content = bytearray(VALID[data.draw(st.sampled_from(sorted(VALID)))])
    places = st.integers(0, min(len(content), 160) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        content[place] = data.draw(octet)
    ends_well(bytes(content))


@UNHURRIED
@given(
    number,
    number,
    st.sampled_from([0, 1, 2, 4, 8, 16, 32]),
    octet,
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"tRNS", b"gAMA", b"iCCP", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"zTXt"]
            ),
            st.binary(max_size=40),
        ),
        max_size=4,
    ),
    st.binary(max_size=60),
)
def test_a_png_whose_chunks_say_anything(
    width: int,
    height: int,
    depth: int,
    kind: int,
    chunks: list[tuple[bytes, bytes]],
    data: bytes,
) -> None:
    between = b"".join(pngs.chunk(*it) for it in chunks)
    start = pngs.header(width, height, depth, kind)
    ends_well(start + between + pngs.chunk(b"IDAT", data) + pngs.chunk(b"IEND", b""))


@UNHURRIED
@given(word, word, word, word, word, word, octet, octet, st.binary(max_size=30))
def test_a_gif_whose_frame_is_anywhere(
    width: int,
    height: int,
    left: int,
    top: int,
    across: int,
    down: int,
    flags: int,
    disposal: int,
    data: bytes,
) -> None:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    control = b"\x21\xf9\x04" + bytes([disposal, 0, 0, 0]) + b"\0"
    frame = b"\x2c" + struct.pack("<HHHHB", left, top, across, down, flags) + b"\x02"
    ends_well(b"GIF89a" + screen + control + frame + bytes([len(data)]) + data + b"\0;")


@UNHURRIED
@given(
    st.lists(
        st.tuples(
            st.sampled_from([256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 322]),
            st.integers(0, 13),
            number,
            number,
        ),
        max_size=12,
    ),
    number,
    st.binary(max_size=60),
)
def test_a_tiff_whose_tags_say_anything(
    tags: list[tuple[int, int, int, int]], next_directory: int, data: bytes
) -> None:
    usual = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in [*usual, *tags])
    start = b"II*\0" + struct.pack("<IH", 8, len(usual) + len(tags))
    ends_well(start + entries + struct.pack("<I", next_directory) + data)


@UNHURRIED
@given(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**31), 2**31 - 1),
    word,
    st.sampled_from([0, 1, 2, 4, 8, 16, 24, 32, 64]),
    st.integers(0, 6),
    number,
    st.binary(max_size=80),
)
def test_a_bmp_whose_header_says_anything(
    width: int, height: int, planes: int, bits: int, compression: int, colours: int, data: bytes
) -> None:
    header = struct.pack(
        "<IiiHHIIiiII", 40, width, height, planes, bits, compression, 0, 0, 0, colours, 0
    )
    ends_well(b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + header + data)


@UNHURRIED
@given(number, number, octet, st.binary(max_size=60))
def test_a_webp_whose_canvas_is_of_any_size(
    width: int, height: int, flags: int, data: bytes
) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

    sides = struct.pack("<I", width & 0xFFFFFF)[:3] + struct.pack("<I", height & 0xFFFFFF)[:3]
    body = b"WEBP" + chunk(b"VP8X", bytes([flags, 0, 0, 0]) + sides) + chunk(b"VP8L", data)
    ends_well(b"RIFF" + struct.pack("<I", len(body)) + body)
