"""SRCNN, the first convolutional network for super-resolution, and a variant at low resolution.

Dong et al. 2014, https://arxiv.org/abs/1501.00092. The widths are the architecture study's, twice
the paper's in the first two layers.
"""

import keras

from training.architectures.blocks import added, bicubic, colours, conv, leaky_relu, relu, subpixel

FIRST = 9
"""Side of the first kernel."""


def srcnn() -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, 2h, 2w, 3]: three layers mend a bicubic upscale.

    The first convolution is `valid`, on the upscale with its edges repeated, so that nothing is
    lost at them.
    """
    tiles = keras.Input((None, None, 3), name="tiles")
    x = bicubic(tiles)
    for _ in range(FIRST // 2):  # one pixel at a time: symmetric then means repeated
        x = keras.ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
    x = relu(keras.layers.Conv2D(128, FIRST)(x))
    x = relu(conv(x, 64))
    return keras.Model(tiles, colours(x, 5), name="srcnn")


def srcnn_subpixel() -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, 2h, 2w, 3]: what is added to a bilinear upscale.

    It works at low resolution, with LeakyReLU, and ends in depth-to-space.
    """
    tiles = keras.Input((None, None, 3), name="tiles")
    x = leaky_relu(conv(tiles, 64, 5))
    x = leaky_relu(subpixel(x, 32))
    bilinear = keras.layers.UpSampling2D(interpolation="bilinear", dtype="float32")(tiles)
    return keras.Model(tiles, added(colours(x, 5), bilinear), name="srcnn-subpixel")
