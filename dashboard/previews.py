"""What a browser can show of a stored picture: small enough, upright, in a format it knows."""

import io
import threading
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from infra import picture_file
from infra.admission import BadPicture
from infra.errors import DoubletError
from infra.picture_file import BROKEN_FILE

QUALITY = 90
"""Of JPEG and WebP; single pixels are looked at in tiles, which lose nothing."""
THUMBNAIL_QUALITY = 80

_TO_EIGHT_BITS = 257
"""65535 / 255: white stays white."""

_one_at_a_time = threading.Lock()
"""The largest original has 120 megapixels, half a GB decoded; a page asks for many at once."""


class NoPreview(DoubletError):
    """The bytes cannot be shown."""


@dataclass(frozen=True)
class Preview:
    """An encoded picture."""

    content: bytes
    media_type: str


def enlarged(content: bytes, side: int, max_pixels: int) -> Preview:
    """The whole picture at twice its size by bicubic interpolation, no side above ``side``.

    Raises:
        NoPreview: broken, of an unknown format, or of more than ``max_pixels``.
    """
    with _one_at_a_time, opened(io.BytesIO(content), max_pixels) as image:
        shown = decoded(image, (side, side))
        factor = min(2, side / max(shown.size))
        size = (max(1, round(factor * shown.width)), max(1, round(factor * shown.height)))
        return _encoded(shown.resize(size, Image.Resampling.BICUBIC), QUALITY)


def thumbnail(content: bytes, width: int, height: int, max_pixels: int) -> Preview:
    """The picture's middle, filling exactly this many pixels.

    Raises:
        NoPreview: as for `enlarged`.
    """
    with _one_at_a_time, opened(io.BytesIO(content), max_pixels) as image:
        shown = decoded(image, (2 * width, 2 * height))
        filled = ImageOps.fit(shown, (width, height), Image.Resampling.LANCZOS)
        return _encoded(filled, THUMBNAIL_QUALITY)


def opened(file: IO[bytes], max_pixels: int) -> Image.Image:
    """A picture of which only the header was read.

    Raises:
        NoPreview: broken, of an unknown format, or of more than ``max_pixels``.
    """
    try:
        image = picture_file.opened(file, max_pixels)
    except BadPicture as error:
        raise _not_shown(error) from error
    if image.width * image.height > max_pixels:
        raise NoPreview(f"{image.width} x {image.height} pixels are too many to show")
    return image


def decoded(image: Image.Image, wanted: tuple[int, int] | None = None) -> Image.Image:
    """An opened picture, upright, in 8 bits, grey or RGB, with transparency or without.

    Args:
        wanted: a size that is enough: a JPEG is then decoded small at once.

    Raises:
        NoPreview: it is broken.
    """
    try:
        if wanted:
            image.draft("RGB", wanted)
        image.load()
        return _shown(ImageOps.exif_transpose(image))
    except BROKEN_FILE as error:
        raise _not_shown(error) from error


def _not_shown(error: Exception) -> NoPreview:
    return NoPreview(f"not a picture that can be shown: {error}")


def _shown(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // _TO_EIGHT_BITS).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in {"L", "RGB"} else image.convert("RGB")


def _encoded(image: Image.Image, quality: int) -> Preview:
    profile = image.info.get("icc_profile")
    file = io.BytesIO()
    if image.mode == "RGBA":
        image.save(file, "WEBP", quality=quality, method=2, icc_profile=profile)
        return Preview(file.getvalue(), "image/webp")
    # Chroma at full resolution: colours at single pixels are what the comparison is for.
    image.save(file, "JPEG", quality=quality, subsampling="4:4:4", icc_profile=profile)
    return Preview(file.getvalue(), "image/jpeg")
