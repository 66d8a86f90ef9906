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
    network = member(detail())
    members = [checkpoint.weights(file, "best") for file in teachers]
    for pair in pairs:
        file = answers / f"{pair.name}.png"
        if not file.exists():
            _write(file, _mean_answer(network, members, pair))
        with Image.open(file) as image:
            yield replace(pair, answer=np.asarray(image))


def _mean_answer(network: keras.Model, members: list[checkpoint.Weights], pair: Pair) -> np.ndarray:
    levels = pair.half[None].astype(np.float32)
    total = np.zeros(pair.full.shape, np.float64)
    for weights in members:
        network.set_weights(weights)
        total += keras.ops.convert_to_numpy(network(levels, training=False))[0]
    return rounded(total / len(members))


def _write(file: Path, picture: np.ndarray) -> None:
    unfinished = file.with_suffix(".partial")
    Image.fromarray(picture).save(unfinished, "PNG", compress_level=1)
    unfinished.rename(file)
