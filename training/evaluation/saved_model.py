"""A SavedModel as a subject: in a Session, which is how TensorFlow Serving runs it."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

from infra.errors import DoubletError
from serving import contract
from training.evaluation.subjects import called
from training.features.degradation import Picture

Precision = Literal["float32", "bfloat16"]


class SavedModel:
    """One version folder, loaded."""

    def __init__(self, folder: Path, precision: Precision = "float32") -> None:
        """Load a version folder.

        Raises:
            DoubletError: there is no SavedModel in it.
        """
        if not (folder / "saved_model.pb").exists():
            raise DoubletError(f"{folder} has no saved_model.pb: give a numbered version folder")
        self.name = called(folder)
        config = ConfigProto()
        if precision == "bfloat16":  # what the model server's --mixed_precision=bfloat16 does
            self.name += ", bfloat16"
            rewrites = config.graph_options.rewrite_options
            rewrites.auto_mixed_precision_onednn_bfloat16 = RewriterConfig.ON
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        loaded = tf.compat.v1.saved_model.loader.load(self._session, ["serve"], str(folder))
        self._signatures = loaded.signature_def
        tile = np.zeros((1, 1, 1, contract.CHANNELS), np.uint8)
        self.radius = int(self.run(tile, contract.RADIUS, contract.DESCRIBE)[0])
        self.card: dict[str, Any] = json.loads(self.run(tile, contract.CARD, contract.DESCRIBE)[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()

    def run(
        self, tiles: Picture, output: str, signature: str = contract.SERVING_DEFAULT
    ) -> np.ndarray:
        """One output of one signature for uint8 [n, h, w, 3]."""
        (answer,) = self._answers(tiles, [output], signature)
        return answer

    def double(self, picture: Picture) -> Picture:
        """A whole picture, uint8 [h, w, 3] to [2h, 2w, 3], its edges repeated for the radius."""
        (doubled,) = self._whole(picture, [contract.DOUBLED])
        return doubled

    def double_with_spread(self, picture: Picture) -> tuple[Picture, Picture | None]:
        """As `double`, and the members' spread, uint8 [2h, 2w], None where the model has none."""
        if contract.SPREAD not in self._signatures[contract.SERVING_DEFAULT].outputs:
            return self.double(picture), None
        doubled, spread = self._whole(picture, [contract.DOUBLED, contract.SPREAD])
        return doubled, spread

    def _whole(self, picture: Picture, outputs: list[str]) -> list[np.ndarray]:
        halo = self.radius
        padded = np.pad(picture, ((halo, halo), (halo, halo), (0, 0)), mode="edge")
        inside = slice(contract.SCALE * halo, -contract.SCALE * halo or None)
        answers = self._answers(padded[None], outputs, contract.SERVING_DEFAULT)
        return [answer[0][inside, inside] for answer in answers]

    def _answers(self, tiles: Picture, outputs: list[str], signature: str) -> list[np.ndarray]:
        tensors = self._signatures[signature]
        answers: list[np.ndarray] = self._session.run(
            [tensors.outputs[output].name for output in outputs],
            {tensors.inputs[contract.TILES].name: tiles},
        )
        return answers
