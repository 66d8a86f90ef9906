"""EDSR: residual blocks without batch normalisation, and the study's variants of them.

Lim et al. 2017, https://arxiv.org/abs/1707.02921; this is the paper's baseline size.
"""

from typing import Any

import keras

from training.architectures.blocks import Function, colours, conv, linear, relu, upsampled

BLOCKS = 16
WIDTH = 64

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean red, green and blue of the paper's training set, which the network subtracts."""


def edsr(
    scale: int = 2,
    activation: Function = relu,
    normalisation: Function = linear,
    after_sum: Function = linear,
) -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, scale * h, scale * w, 3].

    The variants: `leaky_relu` for the activation; `relu` after the sum, as in the first residual
    networks; `normalised` after each convolution of a block, which is the only one that has
    parameters of its own (4 * 64 each).

    Raises:
        ValueError: the scale is not 2 or 4.
    """

    def block(x: Any) -> Any:
        y = activation(normalisation(conv(x, WIDTH)))
        y = normalisation(conv(y, WIDTH))
        return after_sum(keras.layers.Add()([x, y]))

    tiles = keras.Input((None, None, 3), name="tiles")
    x = keras.layers.Rescaling(1.0, [-mean for mean in DIV2K_MEAN], dtype="float32")(tiles)
    x = first = conv(x, WIDTH)
    for _ in range(BLOCKS):
        x = block(x)
    x = keras.layers.Add()([conv(x, WIDTH), first])
    x = colours(upsampled(x, WIDTH, scale))
    x = keras.layers.Rescaling(1.0, list(DIV2K_MEAN), dtype="float32")(x)
    return keras.Model(tiles, x, name="edsr")
