"""What the quick network learns from: the truth, and the ensemble's answer to the clean half.

Hinton et al. 2015, https://arxiv.org/abs/1503.02531: a teacher's answer has less noise in it than
the truth, of which no network can know every grain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from training.compact import detail, member
from training.features.degradation import rounded
from training.features.pictures import Pair
from training.fitting import checkpoint


def taught(pairs: Sequence[Pair], teachers: Sequence[Path], answers: Path) -> Iterator[Pair]:
    """The pairs with the teachers' mean as their answer.

    Args:
        teachers: checkpoints of compact members.
        answers: a folder that keeps the teachers' answers, because they take long.

    Raises:
        DoubletError: a teacher's checkpoint is missing.
    """
    answers.mkdir(parents=True, exist_ok=True)
    details = [detail() for _ in teachers]
    for number, (network, file) in enumerate(zip(details, teachers, strict=True)):
        network.name = f"teacher-{number}"
        network.set_weights(checkpoint.weights(file, "best"))
    ensemble = mean(details)
    for pair in pairs:
        file = answers / f"{pair.name}.png"
        if not file.exists():
            levels = ensemble.predict_on_batch(pair.half[None].astype(np.float32))
            _write(file, rounded(levels[0]))
        with Image.open(file) as image:
            yield replace(pair, answer=np.asarray(image))


def mean(details: Sequence[keras.Model]) -> keras.Model:
    """The members' mean: grey levels [n, h, w, 3] to [n, 2h, 2w, 3]; bicubic is computed once."""
    tiles = keras.Input((None, None, 3))
    added = [network(tiles) for network in details]
    if len(added) > 1:
        added = [keras.layers.Average(dtype="float32")(added)]
    return member(keras.Model(tiles, added[0]))


def _write(file: Path, picture: np.ndarray) -> None:
    unfinished = file.with_suffix(".partial")
    Image.fromarray(picture).save(unfinished, "PNG", compress_level=1)
    unfinished.rename(file)
