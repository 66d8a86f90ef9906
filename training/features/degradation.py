"""How a low-resolution input is made from a picture: what the members learn to undo.

`resized` is MATLAB's `imresize(picture, factor, "bicubic")` (antialiased), the literature's way
of halving a benchmark picture. `Degradation` adds what real pictures suffer on top of it; the
truth is never damaged.
"""

import io
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Picture = npt.NDArray[np.uint8]


def cubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys' cubic convolution kernel with a = -0.5 (IEEE Trans. ASSP 29(6), 1981, eq. 15)."""
    x = np.abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@cache
def weights(size: int, factor: float) -> npt.NDArray[np.float64]:
    """The matrix [round up(size * factor), size] that resizes one axis; edges are repeated.

    Downwards the kernel is widened by 1 / factor, which is what makes it antialiased.
    """
    stretch = min(factor, 1.0)
    reach = int(np.ceil(2 / stretch))
    targets = np.arange(int(np.ceil(size * factor)))
    centres = (targets + 0.5) / factor - 0.5
    taps = np.floor(centres).astype(int)[:, None] + np.arange(-reach, reach + 1)
    values = cubic(stretch * (taps - centres[:, None]))
    values /= values.sum(axis=1, keepdims=True)
    matrix = np.zeros((len(targets), size))
    np.add.at(matrix, (targets[:, None], np.clip(taps, 0, size - 1)), values)
    return matrix


def resized(picture: Picture, factor: float) -> Picture:
    """uint8 [h, w, ...] resized by `factor` along both axes.

    Rows first, and rounded to uint8 in between, ties upwards: MATLAB does so.
    """
    rows = rounded(np.tensordot(weights(picture.shape[0], factor), picture, axes=(1, 0)))
    both = rounded(np.tensordot(weights(picture.shape[1], factor), rows, axes=(1, 1)))
    return both.swapaxes(0, 1)


def rounded(levels: npt.NDArray[np.float64]) -> Picture:
    """Grey levels as uint8, ties upwards."""
    return np.clip(np.floor(levels + 0.5), 0, 255).astype(np.uint8)


def compressed(picture: Picture, quality: int) -> Picture:
    """uint8 [h, w, 3] after one round through JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def blurred(picture: Picture, deviation: float) -> Picture:
    """uint8 [h, w, 3] under a Gaussian whose standard deviation is in pixels."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(deviation)))


Halving = Literal["antialiased bicubic", "every second pixel"]
"""The literature's, or the original project's, whose inputs are aliased."""


@dataclass(frozen=True)
class Degradation:
    """How a half is made, and what happens to it, each with its own probability.

    Damage is rare because a member that expects it everywhere blurs what is clean: most pictures
    that arrive are clean, and the benchmarks all are.
    """

    jpeg: float = 0.1
    qualities: tuple[int, int] = (30, 95)
    noise: float = 0.05
    deviation: float = 3.0
    """Largest standard deviation of the noise, in grey levels: a long exposure's, not a fault's."""
    blur: float = 0.0
    softness: float = 1.0
    """Largest standard deviation of the blur, in pixels of the half: a lens slightly off focus."""
    halving: Halving = "antialiased bicubic"

    def halved(self, whole: Picture) -> Picture:
        """uint8 [2h, 2w, 3] to [h, w, 3], undamaged."""
        return whole[::2, ::2] if self.halving == "every second pixel" else resized(whole, 0.5)

    def __call__(self, crop: Picture, chance: np.random.Generator) -> Picture:
        """uint8 [h, w, 3] in and out; the same generator state gives the same damage.

        In the order in which a camera does it: the lens, the sensor, the file.
        """
        if chance.random() < self.blur:
            crop = blurred(crop, chance.uniform(0, self.softness))
        if chance.random() < self.noise:
            grain = chance.normal(0, chance.uniform(0, self.deviation), crop.shape)
            crop = np.clip(np.rint(crop + grain), 0, 255).astype(np.uint8)
        if chance.random() < self.jpeg:
            crop = compressed(crop, int(chance.integers(*self.qualities, endpoint=True)))
        return crop
