"""The ensemble as one graph: the mean of its members, and how far they disagree."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from serving.contract import SPREAD_STEPS_PER_GREY_LEVEL
from training.compact import Bicubic
from training.measures import LUMA

Detail = Callable[[tf.Tensor], tf.Tensor]
"""float32 grey levels [n, h, w, 3] to what is added to their bicubic upscale, [n, h, w, 12]."""


def doubled_and_spread(details: Sequence[Detail], tiles: tf.Tensor) -> tuple[Any, Any]:
    """The contract's `doubled` and `spread` for uint8 [n, h, w, 3].

    The bicubic upscale is common to all members, so the mean and the deviation are taken of what
    they add to it, before depth-to-space, and it is computed once.
    """
    levels = tf.cast(tiles, tf.float32)
    added = squares = tf.zeros([])
    for detail in details:
        # One member after the other: the memory of one, and all threads in one convolution.
        with tf.control_dependencies([added]):
            turn = tf.identity(levels)
        phases = detail(turn)
        added += phases
        squares += luma(phases) ** 2
    mean = added / len(details)
    variance = tf.maximum(squares / len(details) - luma(mean) ** 2, 0.0)
    doubled = Bicubic()(levels) + tf.nn.depth_to_space(mean, 2)
    spread = tf.nn.depth_to_space(tf.sqrt(variance) * SPREAD_STEPS_PER_GREY_LEVEL, 2)[..., 0]
    return as_uint8(doubled), as_uint8(spread)


def luma(phases: tf.Tensor) -> tf.Tensor:
    """Luma [n, h, w, 4] of four sub-pixels' colours [n, h, w, 12].

    Spelt out because a model server may compute a product of matrices in bfloat16.
    """
    red, green, blue = (phases[..., colour::3] for colour in range(3))
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def as_uint8(levels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(levels), 0, 255), tf.uint8)
