"""The ensemble as one graph: the mean of its members, and how far they disagree."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
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
    added = lumas = squares = tf.zeros([])
    for detail in details:
        # One member after the other: the memory of one, and all threads in one convolution.
        with tf.control_dependencies([added]):
            turn = tf.identity(levels)
        phases = detail(turn)
        luma = tf.tensordot(phases, luma_weights(), 1)
        added += phases
        lumas += luma
        squares += luma**2
    count = len(details)
    doubled = Bicubic(dtype="float32")(levels) + added / count
    # Never the luma of the mean: a model server may round each luma to bfloat16, and a variance
    # holds only between numbers that were rounded alike.
    variance = tf.maximum(squares / count - (lumas / count) ** 2, 0.0)
    spread = tf.sqrt(variance) * SPREAD_STEPS_PER_GREY_LEVEL
    return unfolded(doubled), unfolded(spread)[..., 0]


def luma_weights() -> npt.NDArray[np.float32]:
    """The matrix [12, 4] from four sub-pixels' colours to their lumas."""
    return np.kron(np.eye(4), np.array(LUMA)[:, None]).astype(np.float32)


def unfolded(phases: tf.Tensor) -> tf.Tensor:
    """Four sub-pixels a pixel, [n, h, w, 4c], to uint8 [n, 2h, 2w, c]."""
    # Not of bytes: TensorFlow has no kernel for that on a GPU.
    levels = tf.nn.depth_to_space(phases, 2)
    return tf.cast(tf.clip_by_value(tf.round(levels), 0, 255), tf.uint8)
