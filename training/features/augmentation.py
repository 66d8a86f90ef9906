"""More pictures from the same: what changes a picture and its half alike.

What only the input suffers (blur, noise, JPEG) is the degradation's.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from PIL import Image

from training.features.degradation import Picture, rounded
from training.measures import LUMA

MID_GREY = 127.5

OTHER_ORDERS = [list(order) for order in permutations(range(3))][1:]
"""Of red, green and blue."""


@dataclass(frozen=True)
class Augmentation:
    """The probability of each; the defaults give all eight orientations equally often."""

    reduction: float = 0.5
    """A larger place, reduced: other sizes of what is there, and sharper than any lens leaves it.
    Without it a member has learnt its 11 to 22 pictures by heart after some 10,000 steps."""
    smallest: float = 0.5
    """Share of its sides that a reduced place keeps at least."""
    mirror: float = 0.5
    """Left to right."""
    upside_down: float = 0.0
    """Top to bottom: a mirrored half turn, which the other two reach already."""
    rotation: float = 0.75
    """By one, two or three quarter turns."""
    channel_shuffle: float = 0.5
    """Red, green and blue in one of their five other orders: other colours for the same shapes."""
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    strength: float = 0.2
    """Brightness, contrast and saturation change by at most this share."""

    def place(self, side: int, limit: int, chance: np.random.Generator) -> int:
        """Side of the square place that becomes `side` px: at most `limit`, `side` as it is."""
        if chance.random() >= self.reduction:
            return side
        return max(side, min(limit, round(side / chance.uniform(self.smallest, 1))))

    def __call__(self, whole: Picture, chance: np.random.Generator) -> Picture:
        """uint8 [h, w, 3] in, the same or [w, h, 3] out; the same generator gives the same.

        Its half is made afterwards, so that it is exactly that: halving rounds, takes other
        pixels of a mirrored picture, and does not know what was cut off beyond white.
        """
        return self._oriented(self._coloured(whole, chance), chance)

    @staticmethod
    def reduced(place: Picture, side: int) -> Picture:
        """uint8 [n, n, 3] to [side, side, 3] by antialiased bicubic; Pillow's, which is quick."""
        return np.asarray(Image.fromarray(place).resize((side, side), Image.Resampling.BICUBIC))

    def _coloured(self, whole: Picture, chance: np.random.Generator) -> Picture:
        brightness, contrast, saturation = shares = [
            chance.uniform(1 - self.strength, 1 + self.strength) if chance.random() < often else 1.0
            for often in (self.brightness, self.contrast, self.saturation)
        ]
        if shares == [1.0, 1.0, 1.0]:
            return whole
        # Around mid grey, not the crop's own mean: where a crop is cut must not change a pixel.
        levels = MID_GREY + contrast * (brightness * whole - MID_GREY)
        grey = (levels @ np.array(LUMA))[..., None]
        return rounded(grey + saturation * (levels - grey))

    def _oriented(self, whole: Picture, chance: np.random.Generator) -> Picture:
        if chance.random() < self.mirror:
            whole = whole[:, ::-1]
        if chance.random() < self.upside_down:
            whole = whole[::-1]
        if chance.random() < self.rotation:
            whole = np.rot90(whole, int(chance.integers(1, 4)))
        if chance.random() < self.channel_shuffle:
            whole = whole[..., OTHER_ORDERS[int(chance.integers(len(OTHER_ORDERS)))]]
        return whole
