"""A `.keras` file as a subject: any network that doubles float pictures."""

import math
from pathlib import Path

import keras
import numpy as np

from infra.errors import DoubletError
from serving.contract import SCALE
from training.architectures import ARCHITECTURES, continued
from training.evaluation.subjects import called, of_twice_the_sides
from training.features.degradation import Picture, rounded

MARGIN = 16
"""Pixels that the edges are repeated for, so that zero padding is not seen as a black frame."""


class KerasFile:
    """A network from a file, given whole pictures of any size."""

    def __init__(self, path: Path, white: float | None = None) -> None:
        """Load it; `white` is 1 or 255, or None for what its architecture says.

        Raises:
            DoubletError: the file is none, its white is unknown, or it does not double.
        """
        try:
            self._network = keras.models.load_model(path, compile=False)
        except (OSError, TypeError, ValueError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise DoubletError(
                f"{path} is not a Keras file that can be loaded: {reason}"
            ) from error
        self.name = called(path)
        self._white = white or known_white(path, self._network.name)
        self._stride = stride(self._network)
        self.double(np.zeros((1, 1, 3), np.uint8))

    def double(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        padded = continued(picture, self._stride, MARGIN)
        levels = padded[None].astype(np.float32) * (self._white / 255)
        answer = keras.ops.convert_to_numpy(self._network(levels, training=False))[0]
        doubled = rounded(answer * (255 / self._white))
        of_twice_the_sides(self.name, doubled, padded)
        start = SCALE * MARGIN
        return doubled[start : start + SCALE * height, start : start + SCALE * width]


def known_white(path: Path, architecture: str) -> float:
    """What white is for an architecture of ours.

    Raises:
        DoubletError: it is none of ours.
    """
    if architecture not in ARCHITECTURES:
        raise DoubletError(
            f"{path} holds a network named {architecture!r}, which is none of ours: "
            "say with --white whether its white is 1 or 255"
        )
    return ARCHITECTURES[architecture].white


def stride(network: keras.Model) -> int:
    """What a network's sides must be multiples of: all that it divides them by, multiplied.

    Networks within it stand beside each other, as members do that are averaged.
    """
    halving = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.Conv2D)
    own: list[int] = [max(it.strides) for it in network.layers if isinstance(it, halving)]
    within = (stride(layer) for layer in network.layers if isinstance(layer, keras.Model))
    return math.prod(own) * max(within, default=1)
