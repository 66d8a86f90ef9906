"""A decoded picture, as the tiler wants it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One picture in memory."""

    pixels: Pixels
    """uint8 ``[height, width, 3]``, in the picture's own RGB space."""
    media_type: str
    """Of the file that it was decoded from."""
    grey: bool = False
    """All three channels are the same; the result is written with one."""
    alpha: Pixels | None = None
    """uint8 ``[height, width]``; doubled on its own, so that transparency never tints colour."""
    icc_profile: bytes | None = None
    """The colour profile that ``pixels`` are to be read with; None means sRGB."""
    gamma: float | None = None
    """What a PNG without a profile says of its samples; carried along, so that the result is shown
    as light or as dark as the picture."""
    notes: tuple[str, ...] = ()
    """What was lost or changed on the way in, in words for a person."""

    @property
    def height(self) -> int:
        """In pixels."""
        return len(self.pixels)

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])
