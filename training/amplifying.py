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


def amplify(networks: Sequence[keras.Model], pairs: Sequence[Pair]) -> float:
    """Let compact networks add what makes their mean best over some pictures.

    Returns:
        the one of `FACTORS` with the highest mean PSNR on Y, by which each is amplified.
    """
    factor = best_factor(networks, pairs)
    for network in networks:
        *others, kernel, bias = network.get_weights()
        network.set_weights([*others, factor * kernel, factor * bias])
    return factor


def best_factor(networks: Sequence[keras.Model], pairs: Sequence[Pair]) -> float:
    """By how much to amplify what compact networks add."""
    untrained, ensemble = member(detail()), mean(networks)
    qualities = [_qualities(untrained, ensemble, pair) for pair in pairs]
    return FACTORS[int(np.argmax(np.mean(qualities, axis=0)))]


def _qualities(untrained: keras.Model, ensemble: keras.Model, pair: Pair) -> list[float]:
    """PSNR on Y in dB by each factor, before grey levels are rounded."""
    levels = pair.half[None].astype(np.float32)
    bicubic, doubled = (luminance(m.predict_on_batch(levels)[0]) for m in (untrained, ensemble))
    missing, added = luminance(pair.full) - bicubic, doubled - bicubic
    return [decibels(missing - factor * added) for factor in FACTORS]
