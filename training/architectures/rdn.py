"""RDN: residual dense blocks, all fused at the end.

Zhang et al. 2018, https://arxiv.org/abs/1802.08797, in the study's size: 3 blocks of 3
convolutions (the paper's own has 16 of 8).
"""

import keras

from training.architectures.blocks import Function, colours, conv, relu, residual_dense, subpixel

BLOCKS = 3
CONVOLUTIONS = 3
GROWTH = 64
WIDTH = 64


def rdn(activation: Function = relu) -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, 2h, 2w, 3].

    `prelu` for the activation adds a slope for each channel of the nine dense convolutions.
    """
    tiles = keras.Input((None, None, 3), name="tiles")
    shallow = conv(tiles, WIDTH)
    x = conv(shallow, WIDTH)
    fused = []
    for _ in range(BLOCKS):
        x = residual_dense(x, CONVOLUTIONS, GROWTH, activation)
        fused.append(x)
    x = conv(conv(keras.layers.Concatenate()(fused), WIDTH, 1), WIDTH)
    x = keras.layers.Add()([x, shallow])
    return keras.Model(tiles, colours(subpixel(x, WIDTH // 4)), name="rdn")
