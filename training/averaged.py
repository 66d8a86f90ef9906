"""Checkpoints as one Keras file: what one of them answers, or the mean of several."""

from collections.abc import Sequence
from pathlib import Path

import keras

from infra.errors import DoubletError
from training.architectures import ARCHITECTURES
from training.fitting import checkpoint


def averaged(files: Sequence[Path]) -> keras.Model:
    """The mean of networks of one architecture, each with its best weights.

    Raises:
        DoubletError: a checkpoint is missing, or they are of several architectures.
    """
    names = {checkpoint.facts(file)["recipe"]["architecture"] for file in files}
    if len(names) > 1:
        raise DoubletError(f"these are {' and '.join(sorted(names))}: give checkpoints of one kind")
    [name] = names
    architecture = ARCHITECTURES[name]
    tiles = keras.Input((None, None, 3), name="tiles")
    answers = []
    for number, file in enumerate(files):
        network = architecture.build()
        network.set_weights(checkpoint.weights(file, "best"))
        network.name = f"member-{number}"
        answers.append(network(tiles))
    mean = keras.layers.Average(dtype="float32")(answers) if len(answers) > 1 else answers[0]
    return keras.Model(tiles, mean, name=name)
