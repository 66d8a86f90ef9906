"""Reading a picture's header, and nothing more, from bytes that nobody vouches for."""

import struct
import threading
import warnings
import zlib
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from infra.admission import MEDIA_TYPES, BadPicture, not_admitted
from infra.events.reasons import Reason

# Pillow's limit is lowered to ours below, which it doubles before it refuses; before that it warns.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

BROKEN_FILE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What Pillow raises at bytes that are not what they promised."""

_one_limit = threading.Lock()
"""Pillow's limit is the whole process's."""


def opened(file: IO[bytes], max_pixels: int) -> ImageFile.ImageFile:
    """The picture in a file, of which only the header was read.

    Some readers allocate while they read it, as for a GIF's background: 43 bytes filled 900
    megapixels. Pillow asks for the size before they do.

    Raises:
        BadPicture: not of the allow-list, broken, or of more pixels than these (one more may
            pass where the number is odd).
    """
    with _one_limit:
        pillows_own = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = -(-max_pixels // 2)
        try:
            return Image.open(file, formats=tuple(MEDIA_TYPES))
        except Image.DecompressionBombError as error:
            says = str(error).partition(",")[0]
            raise BadPicture(Reason.TOO_MANY_PIXELS, f"{says} (MAX_PICTURE_PIXELS)") from error
        except UnidentifiedImageError as error:
            raise not_admitted() from error
        except BROKEN_FILE as error:
            raise broken(error) from error
        finally:
            Image.MAX_IMAGE_PIXELS = pillows_own


def broken(error: Exception) -> BadPicture:
    """For bytes that only begin like a picture."""
    says = " ".join(str(error).split())[:500]
    return BadPicture(Reason.UNDECODABLE, f"a broken picture: {says or type(error).__name__}")
