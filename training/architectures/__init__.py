"""The architectures that a member can have, by name; SRGAN, which needs its own loop, is apart."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from training import compact
from training.architectures.blocks import leaky_relu, normalised, prelu, relu
from training.architectures.edsr import edsr
from training.architectures.rdn import rdn
from training.architectures.srcnn import srcnn, srcnn_subpixel
from training.architectures.srresnet import dense, srresnet
from training.architectures.unet import STRIDE, unet
from training.architectures.vdsr import vdsr
from training.features.degradation import Picture, rounded


@dataclass(frozen=True)
class Architecture:
    """A network that doubles pictures: float [n, h, w, 3] to [n, 2h, 2w, 3], not clipped."""

    build: Callable[[], keras.Model]
    """A new, untrained one."""
    paper: str
    radius: int
    """How far from its own place, in input pixels, an output pixel looks."""
    stride: int = 1
    """Sides must be multiples of it, and so must any shift that the output is to follow."""
    white: float = 1.0
    """White, in input and output; black is 0."""

    def double(self, network: keras.Model, picture: Picture) -> Picture:
        """A whole picture, uint8 [h, w, 3] to [2h, 2w, 3], by one of its networks."""
        height, width, _ = picture.shape
        padded = continued(picture, self.stride)
        levels = network((padded[None] * (self.white / 255)).astype(np.float32), training=False)
        doubled = keras.ops.convert_to_numpy(levels)[0, : 2 * height, : 2 * width]
        return rounded(doubled * (255 / self.white))


def continued(picture: Picture, stride: int, margin: int = 0) -> Picture:
    """Its edges repeated: a margin on all sides, and behind it up to multiples of the stride."""
    edges = [(margin, margin + -(side + 2 * margin) % stride) for side in picture.shape[:2]]
    return np.pad(picture, [*edges, (0, 0)], mode="edge")


SEEDS = 1 << 20
"""Of compact members: Keras's `set_random_seed` decides which one a new one gets."""


def _compact() -> keras.Model:
    return compact.member(compact.detail(seed=random.randrange(SEEDS)))


_DONG = "https://arxiv.org/abs/1501.00092"
_KIM = "https://arxiv.org/abs/1511.04587"
_LIM = "https://arxiv.org/abs/1707.02921"
_ZHANG = "https://arxiv.org/abs/1802.08797"
_LEDIG = "https://arxiv.org/abs/1609.04802"
_RONNEBERGER = "https://arxiv.org/abs/1505.04597"
_SHI = "https://arxiv.org/abs/1609.05158"

# Each radius adds up the halves of the kernels, those at high resolution halved, and the upscale.
ARCHITECTURES = {
    "compact": Architecture(
        _compact,
        _SHI,
        compact.radius(),
        white=255.0,
    ),
    # Its deepest convolution sees 318 pixels; what the way up adds makes it up to 446.
    "unet": Architecture(unet, _RONNEBERGER, 255, STRIDE),
    "srcnn": Architecture(srcnn, _DONG, 5),
    "srcnn-subpixel": Architecture(srcnn_subpixel, _DONG, 4),
    "vdsr": Architecture(vdsr, _KIM, 12),
    "edsr": Architecture(edsr, _LIM, 36),
    "edsr-leaky-relu": Architecture(partial(edsr, activation=leaky_relu), _LIM, 36),
    "edsr-extra-relu": Architecture(partial(edsr, after_sum=relu), _LIM, 36),
    "edsr-batch-norm": Architecture(partial(edsr, normalisation=normalised), _LIM, 36),
    "rdn": Architecture(rdn, _ZHANG, 14),
    "rdn-prelu": Architecture(partial(rdn, activation=prelu), _ZHANG, 14),
    "srresnet": Architecture(srresnet, _LEDIG, 40),
    "srresnet-dense": Architecture(partial(srresnet, block=dense), _LEDIG, 56),
}
