"""The reference member: the U-Net whose sixteen copies were the original project's ensemble.

A U-Net (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597) with one convolution a level
and one more doubling on the way up. Most of the parameters are at its bottom, most of the work
in its head.
"""

from typing import Any

import keras

DOWN = (16, 32, 64, 128, 256, 512)
BOTTLENECK = 1024
UP = (512, 256, 128, 64, 32, 16, 8)
HEAD = (128, 16)

STRIDE = 2 ** len(DOWN)
"""Sides must be multiples of it: each pooling halves them exactly."""


def unet() -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, 2h, 2w, 3] in [0, 1]; sides multiples of 64.

    It was fitted with binary cross-entropy, every colour value a probability.
    """

    def conv(x: Any, name: str, channels: int, side: int = 3) -> Any:
        return keras.layers.Conv2D(channels, side, padding="same", activation="relu", name=name)(x)

    tiles = keras.Input((None, None, 3), name="tiles")
    x = conv(tiles, "c1", 3)
    skips = [x]
    for level, channels in enumerate(DOWN, start=2):
        x = conv(keras.layers.MaxPooling2D()(x), f"c{level}", channels)
        skips.append(x)
    x = conv(x, "bottleneck", BOTTLENECK, side=1)
    for level, channels in enumerate(UP, start=1):
        x = keras.layers.Concatenate()([x, skips.pop()])
        x = keras.layers.Conv2DTranspose(
            channels, 3, strides=2, padding="same", activation="relu", name=f"t{level}"
        )(x)
    for layer, channels in enumerate(HEAD, start=1):
        x = conv(x, f"head{layer}", channels)
    colours = keras.layers.Conv2D(
        3, 3, padding="same", activation="sigmoid", name="head3", dtype="float32"
    )
    return keras.Model(tiles, colours(x), name="unet")
