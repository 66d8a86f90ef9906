"""Sixteen bits a channel, with every way in which they say what is white and what is clear."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from consumers import depth
from consumers.decoding import decode
from infra.admission import Limits
from tests.consumers.pngs import COLOUR, GREY, GREY_ALPHA, deep_png

ROOMY = Limits(max_bytes=2**28, max_pixels=120_000_000, max_side=30_000)


def tiff(samples: bytes, width: int, bits: int, photometric: int) -> bytes:
    """One row of grey samples, uncompressed, little-endian."""
    tags = [
        (256, width),
        (257, 1),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 8 + 2 + 9 * 12 + 4),
        (277, 1),
        (278, 1),
        (279, len(samples)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + samples


def test_grey_transparency_is_kept_where_all_sixteen_bits_agree() -> None:
    samples = np.array([[[0x1234], [0x1235], [0xFFFF]]], np.uint16)
    picture = decode(deep_png(samples, GREY, (b"tRNS", b"\x12\x34")), ROOMY)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255, 255]]
    assert picture.pixels[0, :, 0].tolist() == [18, 18, 255]
    assert picture.grey


def test_the_transparent_colour_is_found_where_all_sixteen_bits_agree() -> None:
    rows = 600  # more than one strip
    samples = np.full((rows, 2, 3), 0x1234, np.uint16)
    samples[1::2, :, 2] = 0x1235
    picture = decode(deep_png(samples, COLOUR, (b"tRNS", b"\x12\x34" * 3)), ROOMY)
    assert picture.alpha is not None
    assert (picture.alpha[::2] == 0).all()
    assert (picture.alpha[1::2] == 255).all()
    assert (picture.pixels == 0x12).all()


def test_grey_with_alpha_stays_grey() -> None:
    samples = np.array([[[0x8000, 0x4000]]], np.uint16)
    picture = decode(deep_png(samples, GREY_ALPHA), ROOMY)
    assert picture.grey
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0x40]]


@pytest.mark.parametrize(("photometric", "expected"), [(0, [255, 0]), (1, [0, 255])])
def test_a_tiff_whose_white_is_zero_is_no_negative(photometric: int, expected: list[int]) -> None:
    content = tiff(struct.pack("<HH", 0, 65535), 2, 16, photometric)
    assert decode(content, ROOMY).pixels[0, :, 0].tolist() == expected


def test_twelve_bits_reach_white() -> None:
    picture = decode(tiff(b"\x00\x0f\xff", 2, 12, 1), ROOMY)  # 0x000 and 0xfff
    assert picture.pixels[0, :, 0].tolist() == [0, 255]
    assert picture.notes == ("16 bits a channel reduced to 8",)


def test_an_avif_of_more_bits_is_noticed() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "AVIF")
    content = bytearray(file.getvalue())
    with Image.open(io.BytesIO(content)) as image:
        assert not depth.is_deep(image, bytes(content))
        content[content.index(b"av1C") + 6] |= 0x40
        assert depth.is_deep(image, bytes(content))
