"""All members at once: one vectorised step, for devices that are not busy with one member.

A member axis stands in front of everything, [m, n, h, w, c], and a 3x3 convolution is nine
products of matrices, each [m, n * h * w, from] by [m, from, to]. What comes out equals fitting
each member alone, on every backend of Keras.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from training.compact import DEPTH, MID_GREY, WIDTH, Bicubic
from training.features.crops import Batch
from training.features.pictures import Pair
from training.fitting import checkpoint
from training.fitting.checkpoint import Weights
from training.fitting.fitting import Batches, OneNetwork
from training.fitting.recipe import Recipe

TAPS = [(row, column) for row in range(3) for column in range(3)]


class MembersConv(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Each member's own 3x3 convolution: [m, n, h, w, from] to [m, n, h, w, to]."""

    def __init__(self, channels: int, **others: Any) -> None:
        super().__init__(**others)
        self.channels = channels

    def build(self, shape: tuple[int | None, ...]) -> None:
        members, entering = shape[0], shape[-1]
        self.kernel = self.add_weight((members, 3, 3, entering, self.channels), "zeros")
        self.bias = self.add_weight((members, self.channels), "zeros")

    def call(self, x: Any) -> Any:
        height, width = x.shape[2:4]
        padded = ops.pad(x, [[0, 0], [0, 0], [1, 1], [1, 1], [0, 0]])
        total = self.bias[:, None, None, None, :]
        for row, column in TAPS:
            shifted = padded[:, :, row : row + height, column : column + width]
            total = total + ops.einsum("mnhwc,mcd->mnhwd", shifted, self.kernel[:, row, column])
        return total


def members_together(members: int, batch: int, side: int) -> keras.Model:
    """Compact members side by side: grey levels [m, n, s, s, 3] to [m, n, 2s, 2s, 3].

    Its weights are those of `compact.detail`, layer by layer, stacked along a first axis.
    """

    def conv(channels: int, x: Any) -> Any:
        return MembersConv(channels)(x)

    tiles = keras.Input(batch_shape=(members, batch, side, side, 3), name="tiles")
    x = keras.layers.Rescaling(1 / MID_GREY, -1.0, dtype="float32")(tiles)
    x = first = ops.relu(conv(WIDTH, x))
    for _ in range(DEPTH):
        x = ops.relu(conv(WIDTH, x))
    x = conv(12, x + first)
    added = keras.layers.Rescaling(MID_GREY, dtype="float32")(x)
    flat = members * batch
    phases = ops.reshape(added, (flat, side, side, 12))
    phases += Bicubic(dtype="float32")(ops.reshape(tiles, (flat, side, side, 3)))
    doubled = ops.depth_to_space(phases, 2)
    return keras.Model(tiles, ops.reshape(doubled, (members, batch, 2 * side, 2 * side, 3)))


def stacked(weights: Sequence[Weights]) -> Weights:
    """The members' own weights, one list for each, as those of `members_together`."""
    return [np.stack(layer) for layer in zip(*weights, strict=True)]


def apart(weights: Weights) -> list[Weights]:
    """The reverse of `stacked`."""
    return [list(member) for member in zip(*weights, strict=True)]


def summed_errors(wholes: Any, doubled: Any) -> Any:
    """The members' mean absolute errors, added: each one's gradient is as if it were alone."""
    return ops.sum(ops.mean(ops.abs(wholes - doubled), axis=(1, 2, 3, 4)))


class Members:
    """Several compact members side by side, as one network to fit."""

    members = True
    white = 255.0
    loss = staticmethod(summed_errors)

    def __init__(self, names: Sequence[str], recipe: Recipe, seeds: Sequence[int]) -> None:
        """`names` are those of the members' own checkpoints; `seeds` are as in OneNetwork."""
        self._names = names
        alone = [OneNetwork(recipe, seed) for seed in seeds]
        self._one = alone[0]
        self.model = members_together(len(names), recipe.batch, recipe.crop)
        self.model.set_weights(stacked([each.model.get_weights() for each in alone]))

    def start_from(self, weights: Weights) -> None:
        self.model.set_weights(stacked([weights] * len(self._names)))

    def psnr(self, validation: list[Pair]) -> float:
        return float(
            np.mean([self._psnr(own, validation) for own in apart(self.model.get_weights())])
        )

    def _psnr(self, weights: Weights, validation: list[Pair]) -> float:
        self._one.model.set_weights(weights)
        return self._one.psnr(validation)

    def keep(self, best: Weights, facts: dict[str, Any], runs: Path) -> None:
        """Each member's best weights, where they would be had it been fitted alone."""
        for name, own in zip(self._names, apart(best), strict=True):
            checkpoint.write(checkpoint.path(runs, name), {"best": own}, facts)


@dataclass(frozen=True)
class SideBySide:
    """The members' own batches, stacked: [m, n, s, s, 3] with [m, n, 2s, 2s, 3]."""

    members: Sequence[Batches]

    @property
    def pictures(self) -> int:
        return sum(member.pictures for member in self.members)

    def after(self, step: int) -> Iterator[Batch]:
        for batches in zip(*(member.after(step) for member in self.members), strict=True):
            halves, wholes = zip(*batches, strict=True)
            yield np.stack(halves), np.stack(wholes)
