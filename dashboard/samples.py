"""The middle of a picture as each version of the model doubles it: to compare versions by.

Nothing of it is stored, and no picture's state is touched: the model server is asked when a
browser asks for the sample's address.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dashboard.previews import Preview, decoded, opened
from infra.settings import Settings
from infra.tls import to_model_server
from serving import contract
from serving.client import GrpcModelServer

SIDE = 128
"""Of the middle, in input pixels: enough to judge by, doubled in a second or two on a laptop."""
HALO = 16
"""Around it, and cut off again: wider than the shipped models' radius of 8."""

BICUBIC = 0
"""In place of a version's number: no model, but bicubic interpolation."""


def sample(content: bytes, version: int, settings: Settings) -> Preview:
    """The doubled middle as a PNG.

    Args:
        content: the picture's file.
        version: of the configured model, or BICUBIC.

    Raises:
        NoPreview: the picture cannot be shown.
        ModelServerError: the version cannot be asked.
    """
    with opened(io.BytesIO(content), settings.max_picture_pixels) as image:
        middle = _middle(decoded(image).convert("RGB"))
    doubled = _bicubic(middle) if version == BICUBIC else _asked(middle, version, settings)
    edge = contract.SCALE * HALO
    file = io.BytesIO()
    Image.fromarray(doubled[edge:-edge, edge:-edge]).save(file, "PNG")
    return Preview(file.getvalue(), "image/png")


def _middle(image: Image.Image) -> NDArray[np.uint8]:
    """The middle with its halo; what a small picture lacks is mirrored."""
    left, top = (max(0, (length - SIDE) // 2) for length in image.size)
    pixels = np.pad(np.asarray(image), ((HALO, HALO), (HALO, HALO), (0, 0)), "symmetric")
    side = SIDE + 2 * HALO
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _bicubic(middle: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (contract.SCALE * length for length in middle.shape[:2])
    return np.array(
        Image.fromarray(middle).resize((width, height), Image.Resampling.BICUBIC), np.uint8
    )


def _asked(middle: NDArray[np.uint8], version: int, settings: Settings) -> NDArray[np.uint8]:
    server = GrpcModelServer(
        settings.model_server_address,
        settings.model_name,
        deadline_s=settings.model_deadline_seconds,
        tls=to_model_server(settings),
    )
    try:
        answer = server.double(middle[np.newaxis], version=version, spread=False)
    finally:
        server.close()
    doubled: NDArray[np.uint8] = answer.doubled[0]
    return doubled
