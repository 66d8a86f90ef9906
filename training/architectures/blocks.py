"""What several architectures are made of: functions from a tensor [n, h, w, c] to another.

Where pictures enter and leave, the dtype is float32 under every policy of Keras: bfloat16 would
round them.
"""

from collections.abc import Callable
from typing import Any

import keras

from training.compact import Bicubic

Function = Callable[[Any], Any]

LEAK = 0.2
"""Slope below zero where a paper or the study names LeakyReLU without one; SRGAN's is 0.2."""


def conv(x: Any, channels: int, side: int = 3) -> Any:
    return keras.layers.Conv2D(channels, side, padding="same")(x)


def colours(x: Any, side: int = 3) -> Any:
    """The last convolution, to red, green and blue."""
    return keras.layers.Conv2D(3, side, padding="same", dtype="float32")(x)


def added(x: Any, upscaled: Any) -> Any:
    """What a network found, on top of a plain upscale."""
    return keras.layers.Add(dtype="float32")([x, upscaled])


def relu(x: Any) -> Any:
    return keras.layers.ReLU()(x)


def leaky_relu(x: Any) -> Any:
    return keras.layers.LeakyReLU(LEAK)(x)


def prelu(x: Any) -> Any:
    """One learnt slope for each channel, the same at every place."""
    return keras.layers.PReLU(shared_axes=[1, 2])(x)


def linear(x: Any) -> Any:
    return x


def normalised(x: Any) -> Any:
    return keras.layers.BatchNormalization()(x)


def bicubic(x: Any) -> Any:
    """Twice the sides, as MATLAB's imresize does."""
    return keras.ops.depth_to_space(Bicubic(dtype="float32")(x), 2)


def subpixel(x: Any, channels: int) -> Any:
    """Twice the sides: a 3x3 convolution, then each four channels become a 2x2 square.

    ESPCN's layer: Shi et al. 2016, https://arxiv.org/abs/1609.05158, section 2.
    """
    return keras.ops.depth_to_space(conv(x, 4 * channels), 2)


def upsampled(x: Any, channels: int, scale: int, activation: Function = linear) -> Any:
    """`scale` times the sides, by doubling.

    Raises:
        ValueError: the scale is not 2 or 4.
    """
    if scale not in (2, 4):
        raise ValueError(f"the scale is 2 or 4, not {scale}")
    for _ in range(scale // 2):
        x = activation(subpixel(x, channels))
    return x


def residual_dense(x: Any, convolutions: int, growth: int, activation: Function) -> Any:
    """Each convolution sees all that came before it; a 1x1 convolution fuses; x is added.

    The residual dense block of RDN: Zhang et al. 2018, https://arxiv.org/abs/1802.08797,
    section 3.2.
    """
    features = x
    for _ in range(convolutions):
        new = activation(conv(features, growth))
        features = keras.layers.Concatenate()([features, new])
    return keras.layers.Add()([conv(features, x.shape[-1], 1), x])
