"""VDSR: twenty layers that learn what a bicubic upscale lacks.

Kim et al. 2016, https://arxiv.org/abs/1511.04587. The paper's works on brightness alone; this one
on all three colours.
"""

import keras

from training.architectures.blocks import added, bicubic, colours, conv, relu

LAYERS = 20
WIDTH = 64


def vdsr() -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, 2h, 2w, 3]."""
    tiles = keras.Input((None, None, 3), name="tiles")
    x = upscaled = bicubic(tiles)
    for _ in range(LAYERS - 1):
        x = relu(conv(x, WIDTH))
    return keras.Model(tiles, added(colours(x), upscaled), name="vdsr")
