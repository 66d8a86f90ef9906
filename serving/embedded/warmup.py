"""Requests that a model brings along, to be run before anyone else's."""

from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.embedded.examples import classify, multi_inference, regress
from serving.embedded.predict import predict
from serving.embedded.refusal import Refusal, from_tensorflow, invalid, unimplemented
from serving.embedded.servable import Servable

REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
"""A TFRecord of PredictionLog in the version's folder."""

LIMIT = 1000
"""Records that the official server accepts."""


def warm(servable: Servable, folder: Path, iterations: int = 1) -> int:
    """Run every warm-up request of a version.

    Returns:
        how many there were; 0 when the model brings none.

    Raises:
        Refusal: one cannot be read or fails: the version must not be served.
    """
    path = folder / REQUESTS
    if not path.exists():
        return 0
    count = 0
    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            count += 1
            if count > LIMIT:
                raise invalid(f"Number of warmup records exceeds the maximum ({LIMIT}) at {path}")
            log = _parsed(record, path)
            for _ in range(iterations):
                _replay(servable, log)
    except tf.errors.DataLossError as error:
        refusal = from_tensorflow(error)
        raise Refusal(
            grpc.StatusCode.DATA_LOSS,
            f"{refusal.message}. Please verify your warmup data is in TFRecord format.",
        ) from error
    return count


def _parsed(record: bytes, path: Path) -> PredictionLog:
    try:
        log: PredictionLog = PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid(f"Failed to parse warmup record: {record!r} from {path}") from error
    return log


def _replay(servable: Servable, log: PredictionLog) -> None:
    match log.WhichOneof("log_type"):
        case "predict_log":
            predict(servable, log.predict_log.request, as_content=True)
        case "classify_log":
            classify(servable, log.classify_log.request)
        case "regress_log":
            regress(servable, log.regress_log.request)
        case "multi_inference_log":
            multi_inference(servable, log.multi_inference_log.request)
        case other:
            raise unimplemented(f"Unsupported log_type for warmup: {other}")
