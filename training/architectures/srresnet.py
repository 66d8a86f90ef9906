"""SRResNet, the generator of SRGAN, and a variant with dense blocks.

Ledig et al. 2017, https://arxiv.org/abs/1609.04802, figure 4.
"""

from typing import Any

import keras

from training.architectures.blocks import (
    Function,
    colours,
    conv,
    normalised,
    prelu,
    residual_dense,
    upsampled,
)

BLOCKS = 16
WIDTH = 64

CONVOLUTIONS = 3
GROWTH = 32
"""Half the width, as in ESRGAN: a dense block then costs a quarter more than a residual one."""


def residual(x: Any) -> Any:
    y = prelu(normalised(conv(x, WIDTH)))
    return keras.layers.Add()([normalised(conv(y, WIDTH)), x])


def dense(x: Any) -> Any:
    """RDN's block in place of SRResNet's, without batch normalisation, after ESRGAN.

    Wang et al. 2018, https://arxiv.org/abs/1809.00219, section 3.1.
    """
    return residual_dense(x, CONVOLUTIONS, GROWTH, prelu)


def srresnet(scale: int = 2, block: Function = residual) -> keras.Model:
    """Pictures in [0, 1], [n, h, w, 3], to [n, scale * h, scale * w, 3].

    Raises:
        ValueError: the scale is not 2 or 4.
    """
    tiles = keras.Input((None, None, 3), name="tiles")
    x = first = prelu(conv(tiles, WIDTH, 9))
    for _ in range(BLOCKS):
        x = block(x)
    x = keras.layers.Add()([normalised(conv(x, WIDTH)), first])
    x = upsampled(x, WIDTH, scale, prelu)
    return keras.Model(tiles, colours(x, 9), name="srresnet")
