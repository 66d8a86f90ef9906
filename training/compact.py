"""The compact member: plain 3x3 convolutions at low resolution, added to a bicubic upscale.

oneDNN runs exactly this kind of network near a CPU's peak. The last layer starts at zero, so an
untrained member *is* the bicubic upscale, and training can only add detail to it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from training.features.degradation import weights

WIDTH = 32
"""Channels: two full AVX-512 registers of float32."""

DEPTH = 6
"""Inner convolutions: sixteen members of eight layers take under 10 CPU s/MP in bfloat16."""

MID_GREY = 128.0
"""Levels are centred on it and divided by it: exact in bfloat16, and zero padding reads as grey."""

BICUBIC_RADIUS = 2


def radius(depth: int = DEPTH) -> int:
    """How far from its own place, in low-resolution pixels, an output pixel looks.

    One pixel for each convolution: the first, the inner ones and the last.
    """
    return max(depth + 2, BICUBIC_RADIUS)


def bicubic_phases() -> npt.NDArray[np.float64]:
    """Weights [2, 5] of the five nearest pixels for the first and second half of a pixel."""
    middle = 2 * BICUBIC_RADIUS
    taps = slice(middle - BICUBIC_RADIUS, middle + BICUBIC_RADIUS + 1)
    return weights(2 * middle + 1, 2.0)[2 * middle : 2 * middle + 2, taps]


@keras.saving.register_keras_serializable("doublet")
class Bicubic(keras.layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Grey levels [n, h, w, 3] to the four sub-pixels of each, [n, h, w, 12], in detail's order.

    As MATLAB's imresize does, edges repeated. Weighted sums of slices rather than a convolution,
    because a model server that computes convolutions in bfloat16 would round the whole picture to
    it.
    """

    def call(self, tiles: Any) -> Any:
        for _ in range(BICUBIC_RADIUS):  # one pixel at a time: symmetric then means repeated
            tiles = keras.ops.pad(tiles, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        rows = [self._weighed(tiles, phase, axis=1) for phase in bicubic_phases()]
        both = [self._weighed(row, phase, axis=2) for row in rows for phase in bicubic_phases()]
        return keras.ops.concatenate(both, axis=-1)

    @staticmethod
    def _weighed(padded: Any, phase: npt.NDArray[np.float64], axis: int) -> Any:
        last = len(phase) - 1
        windows = [slice(k, k - last if k < last else None) for k in range(len(phase))]
        return sum(
            float(weight) * padded[(slice(None),) * axis + (window,)]
            for weight, window in zip(phase, windows, strict=True)
            if weight
        )


@keras.saving.register_keras_serializable("doublet")
class NearIdentity(keras.initializers.Initializer):  # type: ignore[misc]  # no type hints
    """A square 3x3 kernel that passes its input on, plus a little of He's noise.

    It starts as a residual block would, which reached a lower loss in 1,500 steps than the noise
    alone, and costs nothing at run time.
    """

    NOISE = 0.2

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        identity = np.zeros(shape, np.float32)
        identity[1, 1] = np.eye(shape[-1])
        noise = keras.initializers.HeNormal(self.seed)(shape, dtype)
        return self.NOISE * noise + keras.ops.cast(identity, noise.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def detail(width: int = WIDTH, depth: int = DEPTH, seed: int = 0) -> keras.Model:
    """What a member adds to the bicubic upscale: grey levels [n, h, w, 3] to [n, h, w, 12].

    Channel (2 * row + column) * 3 + colour belongs to the sub-pixel at that row and column.
    The convolutions follow Keras's dtype policy ("mixed_bfloat16" trains faster); grey levels are
    float32 under every policy, because bfloat16 would round them.
    """

    def convolution(channels: int, start: Any, activation: str | None = "relu") -> Any:
        return keras.layers.Conv2D(
            channels,
            3,
            padding="same",
            activation=activation,
            kernel_initializer=start,
        )

    tiles = keras.Input((None, None, 3), name="tiles")
    x = keras.layers.Rescaling(1 / MID_GREY, -1.0, dtype="float32")(tiles)
    x = first = convolution(width, keras.initializers.HeNormal(seed))(x)
    for layer in range(1, depth + 1):
        x = convolution(width, NearIdentity(1000 * seed + layer))(x)
    x = keras.layers.Add()([x, first])
    x = convolution(12, "zeros", activation=None)(x)
    return keras.Model(tiles, keras.layers.Rescaling(MID_GREY, dtype="float32")(x), name="detail")


def member(added: keras.Model) -> keras.Model:
    """A member that adds `added`: float grey levels [n, h, w, 3] to [n, 2h, 2w, 3], unclipped."""
    tiles = keras.Input((None, None, 3), name="tiles")
    phases = keras.layers.Add(dtype="float32")([Bicubic(dtype="float32")(tiles), added(tiles)])
    return keras.Model(tiles, keras.ops.depth_to_space(phases, 2))


def mean(details: Sequence[keras.Model]) -> keras.Model:
    """The mean of members that add `details`, as `member`; bicubic is computed once."""
    tiles = keras.Input((None, None, 3))
    for number, network in enumerate(details):
        network.name = f"member-{number}"  # Keras wants each name once in a model
    added = [network(tiles) for network in details]
    if len(added) > 1:
        added = [keras.layers.Average(dtype="float32")(added)]
    return member(keras.Model(tiles, added[0]))
