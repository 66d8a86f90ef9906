"""Safe decoding: from untrusted bytes to a Picture, or to the reason why not.

Limits are checked from the header, before anything is allocated for the pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from consumers.picture import Picture
from infra.admission import MEDIA_TYPES, BadPicture, Limits, not_admitted
from infra.events.reasons import Reason

# Pillow's own limit only warns where it should refuse; ours, below, is checked for every picture.
Image.MAX_IMAGE_PIXELS = None

_BROKEN_FILE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise at bytes that are not what the header promised."""

_DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
_UNBOUNDED_MODES = frozenset({"I", "F"})
_TIFF_BITS_PER_SAMPLE = 258
_PNG_BIT_DEPTH = 24
"""Where a PNG's header states its bits per channel (PNG specification, 11.2.1)."""
_EIGHT_BITS = 8
_SIXTEEN_TO_EIGHT = 257.0
"""65535 / 255: white stays white."""


def decode(content: bytes, limits: Limits) -> Picture:
    """Decode the first frame, upright, in RGB with 8 bits a channel.

    Raises:
        BadPicture: too large, of a format that is not on the allow-list, or broken.
    """
    limits.require_length(len(content))
    with (
        _broken_file_refused(),
        Image.open(io.BytesIO(content), formats=tuple(MEDIA_TYPES)) as image,
    ):
        limits.require_sides(image.width, image.height)
        return _picture(image, content)


def _picture(image: Image.Image, content: bytes) -> Picture:
    frames = getattr(image, "n_frames", 1)
    notes = [f"first of {frames} frames"] if frames > 1 and image.format != "MPO" else []
    if image.mode in _UNBOUNDED_MODES:
        raise BadPicture(Reason.UNSUPPORTED_FORMAT, "32-bit samples have no white to scale by")
    if _is_deep(image, content):
        notes.append("16 bits a channel reduced to 8")
    profile = image.info.get("icc_profile") or None
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright is not image and upright.getexif().get(0x0112) != image.getexif().get(0x0112):
        notes.append("turned upright")
    if upright.mode in _DEEP_MODES:
        upright = _to_eight_bits(upright)
    if upright.mode in {"CMYK", "YCbCr", "LAB", "HSV"}:
        notes.append(f"{upright.mode} converted to sRGB")
        upright, profile = _to_srgb(upright, profile), None
    return _split(upright, profile, notes)


def _split(image: Image.Image, profile: bytes | None, notes: list[str]) -> Picture:
    alpha = None
    grey = image.mode in {"1", "L", "LA", "La"}
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    pixels = np.asarray(image.convert("RGB"))
    return Picture(pixels, grey, alpha, profile, tuple(notes))


def _to_eight_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image, dtype=np.float32) / _SIXTEEN_TO_EIGHT
    return Image.fromarray(np.rint(samples).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and image.mode == "CMYK":
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except ImageCms.PyCMSError:
            return image.convert("RGB")  # a broken profile: the plain conversion is what is left
        if converted is not None:
            return converted
    return image.convert("RGB")


def _is_deep(image: Image.Image, content: bytes) -> bool:
    # Pillow reduces 16-bit colour to 8 bits without a word, so we ask the header.
    if image.mode in _DEEP_MODES:
        return True
    if image.format == "PNG":
        return content[_PNG_BIT_DEPTH] == 16
    if image.format == "TIFF":
        bits: tuple[int, ...] = image.tag_v2.get(_TIFF_BITS_PER_SAMPLE, (8,))  # type: ignore[attr-defined]
        return max(bits) > _EIGHT_BITS
    return False


@contextmanager
def _broken_file_refused() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError as error:
        raise not_admitted() from error
    except _BROKEN_FILE as error:
        raise BadPicture(Reason.UNDECODABLE, f"{type(error).__name__}: {error}"[:500]) from error
