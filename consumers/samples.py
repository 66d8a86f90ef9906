"""A loaded picture's samples, out of Pillow's hands: 8 bits of colour, and alpha apart.

They are taken in strips: beside the picture that Pillow holds and the one that is made, nothing
of its size is ever in memory.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from consumers import depth
from consumers.depth import GreyScale, TransparentColour
from consumers.picture import Pixels
from serving.contract import CHANNELS

_STRIP = 256
"""Rows at a time."""


def take(image: Image.Image, content: bytes) -> tuple[Pixels, Pixels | None]:
    """Colour, uint8 ``[height, width, 3]``, and alpha, uint8 ``[height, width]``, if there is any.

    Args:
        image: loaded; of any mode but those with 32 bits a sample.
        content: the file that it was loaded from.
    """
    if image.mode in depth.GREY_MODES:
        return _deep_grey(image)
    if TransparentColour.has_one(image, content):
        return _with_transparent_colour(image, content)
    alpha = _empty(image) if image.has_transparency_data else None
    pixels = _empty(image, CHANNELS)
    for rows, strip in _strips(image):
        if alpha is not None:
            whole = np.asarray(_as(strip, "RGBA"))
            pixels[rows], alpha[rows] = whole[:, :, :CHANNELS], whole[:, :, CHANNELS]
        else:
            pixels[rows] = np.asarray(_as(strip, "RGB"))
    return pixels, alpha


def _deep_grey(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    scale = GreyScale.of(image)
    pixels = _empty(image, CHANNELS)
    alpha = None if scale.transparent is None else _empty(image)
    for rows, strip in _strips(image):
        samples = np.asarray(strip)
        pixels[rows] = scale.to_eight_bits(samples)[:, :, np.newaxis]
        if alpha is not None:
            alpha[rows] = scale.alpha(samples)
    return pixels, alpha


def _with_transparent_colour(image: Image.Image, content: bytes) -> tuple[Pixels, Pixels]:
    transparent = TransparentColour(image, content)
    pixels, alpha = _empty(image, CHANNELS), _empty(image)
    for rows, strip in _strips(image):
        pixels[rows] = np.asarray(strip)
        alpha[rows] = transparent.alpha(pixels[rows], rows.start)
    return pixels, alpha


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    for top in range(0, image.height, _STRIP):
        bottom = min(image.height, top + _STRIP)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def _as(strip: Image.Image, mode: str) -> Image.Image:
    return strip if strip.mode == mode else strip.convert(mode)


def _empty(image: Image.Image, *channels: int) -> Any:
    return np.empty((image.height, image.width, *channels), np.uint8)
