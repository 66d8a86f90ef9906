"""The ensemble as a SavedModel that TensorFlow Serving loads.

TensorFlow Serving loads with a Session, which does not find the variables of a Keras 3 model
that is an attribute of what is saved; `model.export()` stores every weight twice. A module that
holds the raw variables and reaches the models through a closure does neither.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

from serving import contract
from training.ensemble import doubled_and_spread

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")

WARM_UP_SHAPE = (1, 256, 256, 3)
"""A tile as the consumer's default settings send it."""

STRIDE = 1
"""Nothing in a compact member is coarser than a pixel."""


@dataclass(frozen=True)
class Card:
    """What a SavedModel says of itself, as JSON."""

    members: int
    parameters: int
    radius: int
    training_data: str
    trained: str
    """Day of the last checkpoint, UTC."""
    commit: str
    colour_range: str = "sRGB 0-255"


def trained_until(files: Sequence[Path]) -> str:
    """The day (ISO, UTC) of the newest checkpoint."""
    newest = max(file.stat().st_mtime for file in files)
    return datetime.fromtimestamp(newest, UTC).date().isoformat()


class Served(tf.Module):  # type: ignore[misc]  # TensorFlow has no type hints
    """What is saved: raw variables, and one function for each signature."""

    def __init__(self, details: Sequence[keras.Model], card: Card) -> None:
        super().__init__()
        self.variables_of_members = [v.value for d in details for v in d.variables]
        tiles = tf.TensorSpec([None, None, None, contract.CHANNELS], tf.uint8, contract.TILES)

        def double(tiles: tf.Tensor) -> dict[str, tf.Tensor]:
            doubled, spread = doubled_and_spread(details, tiles)
            if len(details) == 1:  # one network agrees with itself
                return {contract.DOUBLED: doubled}
            return {contract.DOUBLED: doubled, contract.SPREAD: spread}

        def describe(tiles: tf.Tensor) -> dict[str, tf.Tensor]:
            each = tf.shape(tiles)[:1]
            return {
                contract.RADIUS: tf.fill(each, card.radius),
                contract.STRIDE: tf.fill(each, STRIDE),
                contract.CARD: tf.fill(each, json.dumps(asdict(card))),
            }

        self.double = tf.function(double, input_signature=[tiles])
        self.describe = tf.function(describe, input_signature=[tiles])


def write(details: Sequence[keras.Model], card: Card, folder: Path) -> None:
    """Write the SavedModel to a numbered version folder, replacing what is there.

    It is written beside it first and renamed, because a model server watches the folder.
    """
    served = Served(details, card)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    tf.saved_model.save(
        served,
        str(unfinished),
        {contract.SERVING_DEFAULT: served.double, contract.DESCRIBE: served.describe},
    )
    _write_warm_up(unfinished / WARM_UP, model=folder.parent.name)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(unfinished, folder)


def _write_warm_up(path: Path, model: str) -> None:
    request = PredictRequest(
        model_spec=ModelSpec(name=model, signature_name=contract.SERVING_DEFAULT),
        inputs={contract.TILES: tf.make_tensor_proto(np.zeros(WARM_UP_SHAPE, np.uint8))},
    )
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as records:
        log = PredictionLog(predict_log=PredictLog(request=request))
        records.write(log.SerializeToString())
