"""Safe decoding: from untrusted bytes to a Picture, or to the reason why not.

Limits are checked from the header, before anything is allocated for the pixels.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, UnidentifiedImageError

from consumers import colour
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
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_OTHER_SPACES = frozenset({"CMYK", "YCbCr", "LAB", "HSV"})
_UNBOUNDED_MODES = frozenset({"I", "F"})
_TIFF_BITS_PER_SAMPLE = 258
_PNG_BIT_DEPTH = 24
"""Where a PNG's header states its bits per channel (PNG specification, 11.2.1)."""
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of each orientation upright (EXIF 3.0, 4.6.5.1)."""
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
    if image.mode in _UNBOUNDED_MODES:
        raise BadPicture(Reason.UNSUPPORTED_FORMAT, "32-bit samples have no white to scale by")
    profile = image.info.get("icc_profile") or None
    notes = [*_frame_notes(image), *_depth_notes(image, content)]
    orientation = _orientation(image)
    image.load()
    upright, turned = _upright(image, orientation)
    notes += turned
    if upright.mode in _DEEP_MODES:
        upright = _to_eight_bits(upright)
    if upright.mode in _OTHER_SPACES:
        upright, profile, note = colour.to_rgb(upright, profile)
        notes.append(note)
    grey = upright.mode in _GREY_MODES
    profile, dropped = colour.keepable(profile, grey)
    notes += [dropped] if dropped else []
    alpha = None
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = np.asarray(upright.getchannel("A"))
    return Picture(
        pixels=np.asarray(upright.convert("RGB")),
        # A phone's JPEG may carry a second picture; Pillow then calls it MPO.
        media_type=MEDIA_TYPES.get(image.format or "", MEDIA_TYPES["JPEG"]),
        grey=grey,
        alpha=alpha,
        icc_profile=profile,
        notes=tuple(notes),
    )


def _frame_notes(image: Image.Image) -> list[str]:
    frames = getattr(image, "n_frames", 1)
    return [f"first of {frames} frames"] if frames > 1 and image.format != "MPO" else []


def _depth_notes(image: Image.Image, content: bytes) -> list[str]:
    return ["16 bits a channel reduced to 8"] if _is_deep(image, content) else []


def _orientation(image: Image.Image) -> int | None:
    """As the EXIF says; None where that is broken. Asked before Pillow turns a TIFF by itself."""
    try:
        orientation: int = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN_FILE:
        return None
    return orientation


def _upright(image: Image.Image, orientation: int | None) -> tuple[Image.Image, list[str]]:
    """Turned, and a note; of a broken EXIF, only that."""
    if orientation is None:
        return image, ["broken EXIF ignored"]
    turn = _TURNS.get(orientation)
    if turn is None:
        return image, []
    # Pillow has turned a TIFF while it loaded it.
    turned = image if image.format == "TIFF" else image.transpose(turn)
    return turned, ["turned upright"]


def _to_eight_bits(image: Image.Image) -> Image.Image:
    samples = np.asarray(image, dtype=np.float32) / _SIXTEEN_TO_EIGHT
    return Image.fromarray(np.rint(samples).astype(np.uint8))


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
