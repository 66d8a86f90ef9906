"""Safe decoding: from untrusted bytes to a Picture, or to the reason why not.

Limits are checked from the header, before anything is allocated for the pixels.
"""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from consumers import colour, depth, samples
from consumers.picture import Picture, Pixels
from infra.admission import MEDIA_TYPES, BadPicture, Limits
from infra.events.reasons import Reason
from infra.picture_file import BROKEN_FILE, broken, opened

_GREY_MODES = frozenset({"1", "L", "LA", "La"}) | depth.GREY_MODES
_OTHER_SPACES = frozenset({"CMYK", "YCbCr", "LAB", "HSV"})
_UNBOUNDED_MODES = frozenset({"I", "F"})
_PNG_COLOUR_TYPE = 25
_PNG_GREY_WITH_ALPHA = 4
"""Pillow turns it to RGBA where it has 16 bits."""
_ORIENTATION = 0x0112
_Turn = Callable[[Pixels], Pixels]
_TURNS: dict[int, _Turn] = {
    2: lambda rows: rows[:, ::-1],
    3: lambda rows: rows[::-1, ::-1],
    4: lambda rows: rows[::-1],
    5: lambda rows: rows.swapaxes(0, 1),
    6: lambda rows: rows[::-1].swapaxes(0, 1),
    7: lambda rows: rows[::-1, ::-1].swapaxes(0, 1),
    8: lambda rows: rows[:, ::-1].swapaxes(0, 1),
}
"""What makes a picture of each orientation upright (EXIF 3.0, 4.6.5.1). No pixel is copied."""
_one_at_a_time = threading.Lock()
"""One picture at the limits takes a gigabyte while it is decoded: never two in one process."""


def decode(content: bytes, limits: Limits) -> Picture:
    """Decode the first frame, upright, in RGB with 8 bits a channel.

    Raises:
        BadPicture: too large, of a format that is not on the allow-list, or broken.
    """
    limits.require_length(len(content))
    with (
        _one_at_a_time,
        _broken_file_refused(),
        opened(io.BytesIO(content), limits.max_pixels) as image,
    ):
        limits.require_sides(image.width, image.height)
        _require_whole(image, content)
        return _picture(image, content)


def _require_whole(image: Image.Image, content: bytes) -> None:
    """A PNG says by its checksums that it is damaged; decoding alone does not look at all."""
    if image.format == "PNG":
        with opened(io.BytesIO(content), image.width * image.height) as twin:
            twin.verify()


def _picture(image: Image.Image, content: bytes) -> Picture:
    if image.mode in _UNBOUNDED_MODES:
        raise BadPicture(Reason.UNSUPPORTED_FORMAT, "samples of 32 bits have no white to scale by")
    media_type = _media_type(image)
    notes = [*_frame_notes(image), *_depth_notes(image, content)]
    turn, turned = _turn(image)
    profile = image.info.get("icc_profile") or None
    image.load()
    if image.mode in _OTHER_SPACES:
        image, profile, note = colour.to_rgb(image, profile)
        notes.append(note)
    grey = _is_grey(image, content)
    profile, dropped = colour.keepable(profile, grey)
    pixels, alpha = samples.take(image, content)
    return Picture(
        pixels=turn(pixels),
        media_type=media_type,
        grey=grey,
        alpha=None if alpha is None else turn(alpha),
        icc_profile=profile,
        gamma=None if profile else colour.gamma(image),
        notes=(*notes, *turned, *dropped),
    )


def _media_type(image: Image.Image) -> str:
    # A phone's JPEG may carry a second picture; Pillow then calls it MPO.
    return MEDIA_TYPES.get(image.format or "", MEDIA_TYPES["JPEG"])


def _frame_notes(image: Image.Image) -> list[str]:
    # They are not counted: of a GIF's or TIFF's, there may be millions to look at.
    several = getattr(image, "is_animated", False) and image.format != "MPO"
    return ["first of several frames"] if several else []


def _depth_notes(image: Image.Image, content: bytes) -> list[str]:
    return ["16 bits a channel reduced to 8"] if depth.is_deep(image, content) else []


def _turn(image: Image.Image) -> tuple[_Turn, list[str]]:
    """What makes it upright once it is loaded, and a note; of a broken EXIF, only that."""
    try:
        orientation: int = image.getexif().get(_ORIENTATION, 1)
    except BROKEN_FILE:
        return _as_it_is, ["broken EXIF ignored"]
    if orientation not in _TURNS:
        return _as_it_is, []
    # Pillow turns a TIFF while it loads it.
    return _as_it_is if image.format == "TIFF" else _TURNS[orientation], ["turned upright"]


def _as_it_is(rows: Pixels) -> Pixels:
    return rows


def _is_grey(image: Image.Image, content: bytes) -> bool:
    if image.format == "PNG" and content[_PNG_COLOUR_TYPE] == _PNG_GREY_WITH_ALPHA:
        return True
    return image.mode in _GREY_MODES


@contextmanager
def _broken_file_refused() -> Iterator[None]:
    try:
        yield
    except BROKEN_FILE as error:
        raise broken(error) from error
