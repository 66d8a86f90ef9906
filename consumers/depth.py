"""Sixteen bits a channel: noticed wherever they are, and reduced to eight.

Pillow keeps 16-bit grey, and reduces 16-bit colour to its upper bytes without a word.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consumers.picture import Pixels
from infra.picture_file import opened

GREY_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's modes of more than 8 bits whose white is known."""

_EIGHT_BITS = 8
_WHITE = 255
_TIFF_BITS_PER_SAMPLE = 258
_TIFF_PHOTOMETRIC = 262
_WHITE_IS_ZERO = 0
_PNG_BIT_DEPTH = 24
"""Where a PNG's header states its bits per channel (PNG specification, 11.2.1)."""
_AVIF_CONFIGURATION = b"av1C"
_AVIF_HIGH_BIT_DEPTH = 0x40
"""A flag in the third byte of that box (AV1 in ISOBMFF 1.3, 2.3.3)."""


def is_deep(image: Image.Image, content: bytes) -> bool:
    """Whether the file, of whatever format, has more than 8 bits a channel."""
    if image.mode in GREY_MODES:
        return True
    if image.format == "PNG":
        return content[_PNG_BIT_DEPTH] > _EIGHT_BITS
    if image.format == "TIFF":
        return max(_tiff_bits(image)) > _EIGHT_BITS
    if image.format == "AVIF":
        box = content.find(_AVIF_CONFIGURATION) + len(_AVIF_CONFIGURATION)
        return bool(content[box + 2] & _AVIF_HIGH_BIT_DEPTH)
    return False


@dataclass(frozen=True)
class GreyScale:
    """What the samples of a deep grey picture mean."""

    white: int
    negative: bool
    """White is 0 (TIFF), as in a scanned negative."""
    transparent: int | None
    """The one sample that is transparent (PNG)."""

    @classmethod
    def of(cls, image: Image.Image) -> "GreyScale":
        """As the file's header says."""
        bits, negative = 16, False
        if image.format == "TIFF":
            bits = max(_tiff_bits(image))
            photometric = image.tag_v2.get(_TIFF_PHOTOMETRIC)  # type: ignore[attr-defined]
            negative = photometric == _WHITE_IS_ZERO
        return cls(2**bits - 1, negative, image.info.get("transparency"))

    def to_eight_bits(self, samples: NDArray[np.uint16]) -> Pixels:
        """Rounded; white stays white."""
        scaled = np.rint(samples * np.float32(_WHITE / self.white)).clip(0, _WHITE)
        grey: Pixels = (_WHITE - scaled if self.negative else scaled).astype(np.uint8)
        return grey

    def alpha(self, samples: NDArray[np.uint16]) -> Pixels:
        """What is seen of each sample."""
        return np.where(samples == self.transparent, 0, _WHITE).astype(np.uint8)


class TransparentColour:
    """The one transparent colour of a PNG with 16-bit colour, compared in all of its bits.

    Pillow compares the eight bits that it keeps with all sixteen, and so finds none.
    """

    def __init__(self, image: Image.Image, content: bytes) -> None:
        """Decode the lower bytes, which Pillow has dropped, in a second pass."""
        self._colour = np.array(image.info["transparency"], np.uint16)
        with opened(io.BytesIO(content), image.width * image.height) as lower:
            # Told that the samples begin with their lower byte, it keeps the other one.
            lower.tile = [lower.tile[0]._replace(args="RGB;16L")]
            lower.load()
            self._lower = lower

    def alpha(self, upper: Pixels, top: int) -> Pixels:
        """What is seen of the rows from ``top`` on, whose upper bytes are given."""
        height, width, _ = upper.shape
        lower = np.asarray(self._lower.crop((0, top, width, top + height)))
        samples = upper.astype(np.uint16) << _EIGHT_BITS | lower
        return np.where((samples == self._colour).all(axis=2), 0, _WHITE).astype(np.uint8)

    @staticmethod
    def has_one(image: Image.Image, content: bytes) -> bool:
        """Whether a picture is of this kind."""
        return (
            image.format == "PNG"
            and image.mode == "RGB"
            and "transparency" in image.info
            and is_deep(image, content)
        )


def _tiff_bits(image: Image.Image) -> tuple[int, ...]:
    bits: tuple[int, ...] = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
    return bits
