"""The API over gRPC."""

from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse
from tensorflow_serving.apis import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse

from serving.contract import DEVICE_HEADER
from serving.embedded.api import Api
from serving.embedded.refusal import Refusal

Response = TypeVar("Response")

SERVICES = (
    "",
    prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
)
"""What health is reported for; the empty name stands for the server as a whole."""


def add(server: grpc.Server, api: Api, *, device: str, with_health: bool) -> None:
    """Answer TensorFlow Serving's methods on a server that has not started yet.

    Args:
        device: told with every model's status, in a header.
    """
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(api), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(api, device), server)
    if with_health:
        servicer = health.HealthServicer()
        for service in SERVICES:
            # As in the official server, health is not readiness: see GetModelStatus for that.
            servicer.set(service, HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    def __init__(self, api: Api) -> None:
        self._api = api

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._api.predict(request, "GRPC"))

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._api.classify(request, "GRPC"))

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._api.regress(request, "GRPC"))

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._api.multi_inference(request, "GRPC"))

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        return _answer(context, lambda: self._api.metadata(request))


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    def __init__(self, api: Api, device: str) -> None:
        self._api = api
        self._device = device

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.send_initial_metadata(((DEVICE_HEADER, self._device),))
        return _answer(context, lambda: self._api.status(request))

    def HandleReloadConfigRequest(
        self, request: ReloadConfigRequest, context: grpc.ServicerContext
    ) -> ReloadConfigResponse:
        return _answer(context, lambda: self._api.reload(request))


def _answer(context: grpc.ServicerContext, method: Callable[[], Response]) -> Response:
    try:
        return method()
    except Refusal as refusal:
        context.abort(refusal.code, refusal.message)
        raise  # never reached: abort raises
