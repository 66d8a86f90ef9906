"""By how much what the members add is amplified, so that their mean is not too faint.

The mean of networks that err each in its own way adds less detail than is missing, and the least
mean absolute error makes one alone a little shy already. The factor is chosen on the validation
pictures, and folded into the last convolution of each: it costs nothing, and `doubled` is the mean
of the members as before.
"""

from collections.abc import Sequence

import keras
import numpy as np

from training.compact import detail, mean, member
from training.features.pictures import Pair
from training.measures import decibels, luminance

FACTORS = [hundredths / 100 for hundredths in range(100, 131)]

ENOUGH = 0.75
"""Share of the best factor's gain in dB that a lower one has to bring: about half of the way to it.
What is wrong is amplified, too: by 1.14, the best, sixteen members made a star of a speck on a
validation picture, and rings round stars darker than bicubic's."""


def amplify(networks: Sequence[keras.Model], pairs: Sequence[Pair]) -> float:
    """Let compact networks add what makes their mean best over some pictures.

    Returns:
        the factor by which each was amplified.
    """
    factor = best_factor(networks, pairs)
    for network in networks:
        *others, kernel, bias = network.get_weights()
        network.set_weights([*others, factor * kernel, factor * bias])
    return factor


def best_factor(networks: Sequence[keras.Model], pairs: Sequence[Pair]) -> float:
    """The lowest of `FACTORS` that brings `ENOUGH` of what can be gained in mean PSNR on Y."""
    untrained, ensemble = member(detail()), mean(networks)
    gains = np.mean([_qualities(untrained, ensemble, pair) for pair in pairs], axis=0)
    gains -= gains[0]
    return FACTORS[int(np.argmax(gains >= ENOUGH * gains.max()))]


def _qualities(untrained: keras.Model, ensemble: keras.Model, pair: Pair) -> list[float]:
    """PSNR on Y in dB by each factor, before grey levels are rounded."""
    levels = pair.half[None].astype(np.float32)
    bicubic, doubled = (luminance(m.predict_on_batch(levels)[0]) for m in (untrained, ensemble))
    missing, added = luminance(pair.full) - bicubic, doubled - bicubic
    return [decibels(missing - factor * added) for factor in FACTORS]
