"""One version of a model, loaded."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf.config_pb2 import CallableOptions, ConfigProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo

from serving.embedded.refusal import from_tensorflow, invalid, not_found
from serving.embedded.tensors import dtype_name

SERVING_DEFAULT = "serving_default"
"""The signature meant by a request that names none."""

IMAGE_RANK = 4
"""Batch, height, width, channels."""

UNREADABLE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What TensorFlow's loader, written in Python, raises for missing or senseless files."""


class Servable:
    """A SavedModel in a session of its own.

    It lives as long as someone holds it: a version that is unloaded while requests run in it is
    freed by the last of them.
    """

    def __init__(self, name: str, version: int, session: Any, graph: Any) -> None:
        """Hold a session whose variables are restored; see `load`."""
        self.name = name
        self.version = version
        self.signatures: Mapping[str, SignatureDef] = graph.signature_def
        self._session = session
        self._making = threading.Lock()
        self._callables: dict[tuple[tuple[str, ...], tuple[str, ...]], Callable[..., Any]] = {}

    def run(
        self, feeds: Sequence[tuple[TensorInfo, NDArray[Any]]], fetches: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Compute tensors from tensors, without holding Python's lock.

        Args:
            feeds: tensors of the graph and what to put there.
            fetches: names of tensors of the graph, ``x:0``.

        Raises:
            Refusal: the dtypes are not the graph's, or a kernel failed.
        """
        feeds = sorted(feeds, key=lambda feed: feed[0].name)
        for position, (info, array) in enumerate(feeds):
            _require_dtype(position, info, array)
            _require_rank_of_image(info, array)
        names = tuple(dict.fromkeys(fetches))
        run = self._callable(tuple(info.name for info, _ in feeds), names)
        try:
            results = run(*(array for _, array in feeds))
        except tf.errors.OpError as error:
            raise from_tensorflow(error) from error
        return dict(zip(names, map(_as_array, results), strict=True))

    def _callable(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> Callable[..., Any]:
        # Session.run would refuse shapes that TensorFlow Serving passes on to the kernels.
        with self._making:
            if (feeds, fetches) not in self._callables:
                options = CallableOptions(feed=feeds, fetch=fetches)
                try:
                    made = self._session._make_callable_from_options(options)
                except tf.errors.OpError as error:
                    raise from_tensorflow(error) from error
                self._callables[feeds, fetches] = made
            return self._callables[feeds, fetches]


def load(name: str, version: int, path: Path, tags: Sequence[str], config: ConfigProto) -> Servable:
    """Load a version as TensorFlow Serving does, with a session.

    ``tf.saved_model.load`` would accept exports that the real server refuses.

    Raises:
        Refusal: it is not a SavedModel, lacks the tags, or cannot be restored.
    """
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    try:
        graph = tf.compat.v1.saved_model.loader.load(session, list(tags), str(path))
    except tf.errors.OpError as error:
        raise from_tensorflow(error) from error
    except UNREADABLE as error:
        raise not_found(str(error)) from error
    return Servable(name, version, session, graph)


def _require_dtype(position: int, info: TensorInfo, array: NDArray[Any]) -> None:
    # A session checks this; the callable, which it is run by here, leaves it to the kernels.
    given = tf.as_dtype(array.dtype).as_datatype_enum
    if info.dtype != given:
        wanted, got = dtype_name(info.dtype), dtype_name(given)
        raise invalid(f"Expects arg[{position}] to be {wanted} but {got} is provided")


def _require_rank_of_image(info: TensorInfo, array: NDArray[Any]) -> None:
    # Shapes are the kernels' affair, but oneDNN's convolution aborts the whole process when the
    # rank is not 4. This is what the plain kernel answers.
    shape = info.tensor_shape
    if not shape.unknown_rank and len(shape.dim) == IMAGE_RANK and array.ndim != IMAGE_RANK:
        sides = ",".join(map(str, array.shape))
        raise invalid(f"convolution input must be 4-dimensional: [{sides}]")


def _as_array(result: Any) -> NDArray[Any]:
    return np.asarray(result, object if isinstance(result, bytes) else None)
