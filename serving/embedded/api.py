"""The server's methods, whichever way they are called."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
)
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
)
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest, MultiInferenceResponse
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from serving.embedded import examples
from serving.embedded.metadata import metadata
from serving.embedded.metrics import Metrics
from serving.embedded.model_status import model_status
from serving.embedded.models import Models
from serving.embedded.predict import predict
from serving.embedded.refusal import Refusal, invalid
from serving.embedded.servable import SERVING_DEFAULT, Servable

Response = TypeVar("Response")


class Api:
    """Every method raises `Refusal` where TensorFlow Serving answers with another status than OK.

    ``entrypoint`` says who calls, ``GRPC`` or ``REST``, for the metrics.
    """

    def __init__(
        self, models: Models, metrics: Metrics, *, as_content: bool, check_method: bool
    ) -> None:
        """Answer for these models; the flags are `predict`'s."""
        self._models = models
        self._metrics = metrics
        self._as_content = as_content
        self._check_method = check_method

    def predict(self, request: PredictRequest, entrypoint: str) -> PredictResponse:
        """Named tensors in, named tensors out."""
        # REST reads the tensors again to write them as text, which content makes quicker.
        as_content = self._as_content or entrypoint == "REST"
        run = partial(
            predict, request=request, as_content=as_content, check_method=self._check_method
        )
        return self._measured("Predict", entrypoint, request, run)

    def classify(self, request: ClassificationRequest, entrypoint: str) -> ClassificationResponse:
        """Labels and scores for Examples."""
        run = partial(examples.classify, request=request, check_method=self._check_method)
        return self._measured("Classify", entrypoint, request, run)

    def regress(self, request: RegressionRequest, entrypoint: str) -> RegressionResponse:
        """Numbers for Examples."""
        run = partial(examples.regress, request=request, check_method=self._check_method)
        return self._measured("Regress", entrypoint, request, run)

    def multi_inference(
        self, request: MultiInferenceRequest, entrypoint: str
    ) -> MultiInferenceResponse:
        """Several of the last two at once."""
        if not request.tasks:
            raise invalid("Inference request must contain at least one task.")
        run = partial(examples.multi_inference, request=request, check_method=self._check_method)
        return self._measured("MultiInference", entrypoint, request.tasks[0], run)

    def metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        """A version's signatures."""
        return metadata(self._models, request)

    def status(self, request: GetModelStatusRequest) -> GetModelStatusResponse:
        """A model's versions and their states."""
        return model_status(self._models, request)

    def inputs(self, spec: ModelSpec) -> Mapping[str, TensorInfo]:
        """The inputs of the signature that a request means."""
        signatures = self._models.find(spec).signatures
        name = spec.signature_name or SERVING_DEFAULT
        if name not in signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        inputs: Mapping[str, TensorInfo] = signatures[name].inputs
        return inputs

    def reload(self, request: ReloadConfigRequest) -> ReloadConfigResponse:
        """Change what is served; answers when all new models are available."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported"
            )
        self._models.require_available(self._models.configure(request.config))
        response = ReloadConfigResponse()
        response.status.SetInParent()
        return response

    def _measured(
        self,
        api: str,
        entrypoint: str,
        request: Any,
        run: Callable[[Servable], Response],
    ) -> Response:
        started = time.monotonic()
        refused: Refusal | None = None
        try:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return run(self._models.find(request.model_spec))
        except Refusal as refusal:
            refused = refusal
            raise
        finally:
            seconds = time.monotonic() - started
            self._metrics.record(request.model_spec.name, api, entrypoint, seconds, refused)
