"""What a browser can show of a stored picture: small enough, upright, in a format it knows."""

import io
import threading
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from infra.admission import BadPicture
from infra.errors import DoubletError
from infra.picture_file import BROKEN_FILE, opened

QUALITY = 95
"""Of JPEG and WebP: no block shows where single pixels are compared."""
THUMBNAIL_QUALITY = 80

_TO_EIGHT_BITS = 257
"""65535 / 255: white stays white."""

_one_at_a_time = threading.Lock()
"""The largest result has 480 megapixels, 2 GB decoded with transparency; two would be 4 GB."""


class NoPreview(DoubletError):
    """The bytes cannot be shown."""


@dataclass(frozen=True)
class Preview:
    """An encoded picture."""

    content: bytes
    media_type: str


def fitting(content: bytes, side: int, max_pixels: int) -> Preview:
    """The whole picture, no side longer than ``side``; never enlarged.

    Raises:
        NoPreview: broken, of an unknown format, or of more than ``max_pixels``.
    """
    with _one_at_a_time:
        image = _decoded(content, (side, side), max_pixels)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return _encoded(image, QUALITY)


def thumbnail(content: bytes, width: int, height: int, max_pixels: int) -> Preview:
    """The picture's middle, filling exactly this many pixels.

    Raises:
        NoPreview: as for `fitting`.
    """
    with _one_at_a_time:
        image = _decoded(content, (2 * width, 2 * height), max_pixels)
        filled = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        return _encoded(filled, THUMBNAIL_QUALITY)


def _decoded(content: bytes, wanted: tuple[int, int], max_pixels: int) -> Image.Image:
    try:
        with opened(io.BytesIO(content), max_pixels) as image:
            if image.width * image.height > max_pixels:
                raise NoPreview(f"{image.width} x {image.height} pixels are too many to show")
            image.draft("RGB", wanted)  # a JPEG is then decoded small at once
            image.load()
            return _shown(ImageOps.exif_transpose(image))
    except (BadPicture, *BROKEN_FILE) as error:
        raise NoPreview(f"not a picture that can be shown: {error}") from error


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
