"""Colour spaces: what becomes of them on the way to RGB, and which profiles the result can keep."""

import io

from PIL import Image, ImageCms

_LARGEST_PROFILE = 1024 * 1024
"""In bytes. Readers, Pillow among them, refuse a PNG whose profile is larger unpacked."""
_GAMMA_UNITS = 100_000
_LARGEST_GAMMA = 2**31 - 1
"""In those units, as a PNG stores it (PNG specification, 11.3.2.2)."""
_COLOUR_SPACE = slice(16, 20)
"""Where an ICC profile names its colour space (ICC.1:2022, 7.2)."""


def to_rgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None, str]:
    """Convert CMYK, YCbCr, LAB or HSV.

    Returns:
        The RGB picture, the profile that it is to be read with (None means sRGB), and a note.
    """
    if image.mode == "YCbCr":
        # A way of storing RGB, whose profile it is.
        return image.convert("RGB"), profile, "YCbCr converted to RGB"
    if image.mode == "CMYK" and profile:
        converted = _through_profile(image, profile)
        if converted is not None:
            return converted, None, "CMYK converted to sRGB by its profile"
    return image.convert("RGB"), None, f"{image.mode} converted to sRGB"


def keepable(profile: bytes | None, grey: bool) -> tuple[bytes | None, list[str]]:
    """The profile, if a result of this form can carry it; else None and a note."""
    if not profile:
        return None, []
    if len(profile) > _LARGEST_PROFILE:
        return None, ["colour profile of more than 1 MiB dropped"]
    if profile[_COLOUR_SPACE] != (b"GRAY" if grey else b"RGB "):
        return None, ["colour profile of another colour space dropped"]
    return profile, []


def gamma(image: Image.Image) -> float | None:
    """A PNG's own gamma, where it says nothing better: samples are light to the power of it."""
    said = image.info.get("gamma")
    if not said or "srgb" in image.info or said * _GAMMA_UNITS > _LARGEST_GAMMA:
        return None
    return float(said)


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """By the picture's own profile; None where that is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
