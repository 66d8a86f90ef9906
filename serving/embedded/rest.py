"""The API over HTTP, and the metrics beside it."""

import json
import re
from collections.abc import Callable
from http import HTTPStatus

import anyio
import anyio.to_thread
import grpc
from google.protobuf.json_format import MessageToDict, MessageToJson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from serving.embedded import json_examples, json_tensors
from serving.embedded.api import Api
from serving.embedded.metadata import SIGNATURE_DEF
from serving.embedded.metrics import Metrics
from serving.embedded.refusal import Refusal, invalid
from serving.metrics import PATH as METRICS_PATH

MODEL = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
POST_PATH = re.compile(MODEL + r":(?P<method>classify|regress|predict)", re.IGNORECASE)
GET_PATH = re.compile(MODEL + r"(?:/(?P<method>metadata))?", re.IGNORECASE)

HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
}
"""http_server.cc; what is missing is INTERNAL_SERVER_ERROR."""

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


def application(
    api: Api, *, timeout_s: float, cors: bool, metrics: Metrics | None, metrics_path: str
) -> Starlette:
    """The web application.

    Args:
        api: what answers.
        timeout_s: how long one request may take.
        cors: let pages of other sites use it.
        metrics: shown at ``metrics_path``; None: not at all.
        metrics_path: empty for the usual one.
    """
    headers = CORS if cors else {}

    async def answer(request: Request) -> Response:
        body = await request.body()
        path = request.scope["path"]
        if not path.lower().startswith("/v1/"):
            return Response(status_code=HTTPStatus.NOT_FOUND)
        try:
            with anyio.fail_after(timeout_s):
                text = await anyio.to_thread.run_sync(
                    lambda: _answer(api, request.method, path, body), abandon_on_cancel=True
                )
        except Refusal as refusal:
            return _error(refusal, headers)
        except TimeoutError:
            late = Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "Timed out waiting for notification")
            return _error(late, headers)
        return Response(text, media_type="application/json", headers=headers)

    routes = []
    if metrics is not None:

        def page(_: Request) -> Response:
            return PlainTextResponse(metrics.page())

        routes.append(Route(metrics_path or METRICS_PATH, page))
    # All paths, as Starlette's own matching heeds the case of letters and the official does not.
    routes.append(Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "DELETE"]))
    return Starlette(routes=routes)


def _answer(api: Api, verb: str, path: str, body: bytes) -> str:
    pattern = POST_PATH if verb == "POST" else GET_PATH
    match = pattern.fullmatch(path) if verb in ("GET", "POST") else None
    if match is None:
        raise invalid(f"Malformed request: {verb} {path}")
    spec = _spec(match)
    methods: dict[str | None, Callable[[Api, ModelSpec, bytes], str]] = {
        "predict": _predict,
        "classify": _classify,
        "regress": _regress,
        "metadata": _metadata,
        None: _status,
    }
    method = match["method"]
    return methods[method.lower() if method else None](api, spec, body)


def _spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=match["name"])
    if match["version"]:
        try:
            spec.version.value = int(match["version"])
        except ValueError as error:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.") from error
    elif match["label"]:
        spec.version_label = match["label"]
    return spec


def _predict(api: Api, spec: ModelSpec, body: bytes) -> str:
    request, form = json_tensors.read(body, spec, api.inputs)
    return json_tensors.write(api.predict(request, "REST"), form)


def _classify(api: Api, spec: ModelSpec, body: bytes) -> str:
    request = json_examples.read(body, ClassificationRequest(model_spec=spec))
    return json_examples.write_classes(api.classify(request, "REST").result)


def _regress(api: Api, spec: ModelSpec, body: bytes) -> str:
    request = json_examples.read(body, RegressionRequest(model_spec=spec))
    return json_examples.write_numbers(api.regress(request, "REST").result)


def _status(api: Api, spec: ModelSpec, _: bytes) -> str:
    response = api.status(GetModelStatusRequest(model_spec=spec))
    return MessageToJson(
        response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _metadata(api: Api, spec: ModelSpec, _: bytes) -> str:
    request = GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURE_DEF])
    return json.dumps(_metadata_as_json(api.metadata(request)), indent=1)


def _metadata_as_json(response: GetModelMetadataResponse) -> dict[str, object]:
    # Any's own JSON form would add "@type", which the official server does not show.
    signatures = SignatureDefMap()
    response.metadata[SIGNATURE_DEF].Unpack(signatures)
    spec, unpacked = (
        MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for message in (response.model_spec, signatures)
    )
    return {"model_spec": spec, "metadata": {SIGNATURE_DEF: unpacked}}


def _error(refusal: Refusal, headers: dict[str, str]) -> Response:
    status = HTTP_STATUS.get(refusal.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    body = json.dumps({"error": refusal.message}, indent=4)
    return Response(body, status, headers, media_type="application/json")
