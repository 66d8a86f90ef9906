"""The way to the model: TensorFlow Serving's gRPC API, without TensorFlow."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray

from infra import tracing
from infra.tls import Tls
from serving import contract
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerError,
    ModelServerSlow,
    ModelServerUnavailable,
    VersionGone,
)
from serving.model_server import Doubled, ModelServer, ServedModel, VersionStatus, require_tiles
from serving.proto import model_server_pb2 as pb
from serving.tensors import UINT8, from_uint8, to_int32, to_strings, to_uint8

__all__ = ["Doubled", "GrpcModelServer", "ModelServer", "ServedModel", "VersionStatus"]

DEFAULT_DEADLINE_S = 60.0
"""Long enough for a batch of big tiles on a busy laptop's processor."""

CHANNEL_OPTIONS = (
    # gRPC's own limit, 4 MiB, is less than one 1024-pixel tile doubled.
    ("grpc.max_receive_message_length", 256 * 1024 * 1024),
    ("grpc.max_send_message_length", 256 * 1024 * 1024),
    # gRPC's own back-off grows to 2 minutes; a restarted server should be seen at once.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A name may stand for many servers: each gets its share of the calls.
    ("grpc.lb_policy_name", "round_robin"),
    # The model server is a neighbour, never behind a web proxy.
    ("grpc.enable_http_proxy", 0),
)

STATES = {10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
"""``ModelVersionStatus.State`` of get_model_status.proto."""

SIGNATURES = "signature_def"
"""The one metadata field that TensorFlow Serving knows."""

UNKNOWN_LABEL = "Unrecognized servable version label"
"""How TensorFlow Serving's INVALID_ARGUMENT for a label that no version bears yet begins."""

INFRASTRUCTURE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        # Something else listens at the address.
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)
REFUSALS = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA_METHOD = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS_METHOD = "/tensorflow.serving.ModelService/GetModelStatus"

Response = TypeVar("Response", bound=Message)


class GrpcModelServer:
    """A `ModelServer` behind gRPC: TensorFlow Serving, or `serving.embedded` in its place."""

    def __init__(
        self,
        address: str,
        model: str = contract.DOUBLET,
        *,
        label: str | None = None,
        chosen: Callable[[], int | None] = lambda: None,
        deadline_s: float = DEFAULT_DEADLINE_S,
        tls: Tls | None = None,
    ) -> None:
        """Open one channel for all calls; the server need not be there yet.

        Args:
            address: ``host:port``, or ``unix:/path``.
            model: the name that the server knows the model by.
            label: describe the version with this label instead of the newest one.
            chosen: names the version to describe instead, each time; None: none is chosen.
            deadline_s: seconds that one call may take.
            tls: whom we trust, and as whom we come; None: the way is open.

        Raises:
            BadSetting: the files of ``tls`` are not usable.
        """
        self._address = address
        self._model = model
        self._label = label
        self._chosen = chosen
        self._deadline_s = deadline_s
        self._tls = tls
        self._channel = _channel(address, tls)
        self._predict = self._method(PREDICT, pb.PredictResponse)
        self._metadata = self._method(METADATA_METHOD, pb.GetModelMetadataResponse)
        self._status = self._method(STATUS_METHOD, pb.GetModelStatusResponse)

    def describe(self) -> ServedModel:
        """See `ModelServer.describe`."""
        answer = self._description()
        version = answer.model_spec.version.value
        try:
            outputs = self._outputs(version)
        except VersionGone:  # between the two calls: ask its successor
            return self.describe()
        card = _card(_output(answer, contract.CARD))
        return ServedModel(
            name=self._model,
            version=version,
            radius=_number(answer, contract.RADIUS),
            stride=_number(answer, contract.STRIDE),
            members=_members(card),
            has_spread=contract.SPREAD in outputs,
            card=card,
        )

    def double(self, tiles: NDArray[np.uint8], *, version: int, spread: bool) -> Doubled:
        """See `ModelServer.double`."""
        require_tiles(tiles)
        wanted = [contract.DOUBLED, contract.SPREAD] if spread else [contract.DOUBLED]
        spec = pb.ModelSpec(
            name=self._model,
            version=pb.Int64(value=version),
            signature_name=contract.SERVING_DEFAULT,
        )
        request = pb.PredictRequest(
            model_spec=spec, inputs={contract.TILES: from_uint8(tiles)}, output_filter=wanted
        )
        with tracing.span(PREDICT.lstrip("/"), tracing.Kind.CLIENT, self._facts(version, tiles)):
            answer = self._predict(request)
        count, height, width, channels = tiles.shape
        size = (count, contract.SCALE * height, contract.SCALE * width)
        return Doubled(
            doubled=_array(answer, contract.DOUBLED, (*size, channels)),
            spread=_array(answer, contract.SPREAD, size) if spread else None,
            version=answer.model_spec.version.value,
        )

    def status(self) -> tuple[VersionStatus, ...]:
        """See `ModelServer.status`."""
        request = pb.GetModelStatusRequest(model_spec=pb.ModelSpec(name=self._model))
        answer = self._status(request)
        labels = {label: self._labelled(label) for label in contract.LABELS}
        return tuple(
            VersionStatus(
                version=version.version,
                state=STATES.get(version.state, "UNKNOWN"),
                error=version.status.error_message,
                labels=tuple(label for label, at in labels.items() if at == version.version),
            )
            for version in answer.model_version_status
        )

    def device(self) -> str | None:
        """What the embedded server computes on; None of TensorFlow Serving, which does not say.

        Raises:
            ModelServerUnavailable: no server, or it does not know the model yet.
        """
        request = pb.GetModelStatusRequest(model_spec=pb.ModelSpec(name=self._model))
        call = self._call(STATUS_METHOD, pb.GetModelStatusResponse)
        try:
            _, done = call.with_call(request, timeout=self._deadline_s)
        except grpc.RpcError as error:
            raise self._in_our_words(error, pinned=False) from error
        return dict(done.initial_metadata()).get(contract.DEVICE_HEADER)

    def close(self) -> None:
        """See `ModelServer.close`."""
        self._channel.close()

    def _description(self) -> pb.PredictResponse:
        """What the version says of itself, once for each tile; of the tile nothing else counts."""
        spec = pb.ModelSpec(name=self._model, signature_name=contract.DESCRIBE)
        version = self._chosen()
        if version is not None:
            spec.version.value = version
        elif self._label is not None:
            spec.version_label = self._label
        tile = np.zeros((1, 1, 1, contract.CHANNELS), np.uint8)
        request = pb.PredictRequest(model_spec=spec, inputs={contract.TILES: from_uint8(tile)})
        try:
            return self._predict(request)
        except VersionGone as error:
            raise ModelServerUnavailable(
                f"the model server at {self._address} does not serve version {version} of "
                f"{self._model}, which was chosen: load it, or choose another"
            ) from error
        except ModelRefused as error:
            raise ModelMisbehaved(f"{self._model} cannot describe itself: {error}") from error

    def _outputs(self, version: int) -> Mapping[str, pb.TensorInfo]:
        """The outputs of the version's default signature, which must fulfil the contract."""
        spec = pb.ModelSpec(name=self._model, version=pb.Int64(value=version))
        signatures = self._signatures(spec).signature_def
        if contract.SERVING_DEFAULT not in signatures:
            raise ModelMisbehaved(f"{self._model} {version} has no `{contract.SERVING_DEFAULT}`")
        signature = signatures[contract.SERVING_DEFAULT]
        for tensors, name in (
            (signature.inputs, contract.TILES),
            (signature.outputs, contract.DOUBLED),
        ):
            if name not in tensors or tensors[name].dtype != UINT8:
                raise ModelMisbehaved(f"{self._model} {version} has no uint8 tensor `{name}`")
        return signature.outputs

    def _labelled(self, label: str) -> int | None:
        """The version that bears the label, found by asking for it, as the API has no list."""
        spec = pb.ModelSpec(name=self._model, version_label=label)
        request = pb.GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURES])
        try:
            return self._metadata(request).model_spec.version.value
        except ModelServerUnavailable:
            return None

    def _signatures(self, spec: pb.ModelSpec) -> pb.SignatureDefMap:
        request = pb.GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURES])
        answer = self._metadata(request)
        try:
            return pb.SignatureDefMap.FromString(answer.metadata[SIGNATURES].value)
        except DecodeError as error:
            raise ModelMisbehaved(f"{self._model}'s metadata cannot be read: {error}") from error

    def _method(self, path: str, response: type[Response]) -> Callable[[Any], Response]:
        """A call of the server's, with the deadline, and its failures in our own words."""
        call = self._call(path, response)

        def method(request: Any) -> Response:
            try:
                answer: Response = call(request, timeout=self._deadline_s, metadata=_trace())
            except grpc.RpcError as error:
                pinned = request.model_spec.HasField("version")
                raise self._in_our_words(error, pinned=pinned) from error
            return answer

        return method

    def _call(self, path: str, response: type[Message]) -> Any:
        return self._channel.unary_unary(
            path,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def _facts(self, version: int, tiles: NDArray[np.uint8]) -> tracing.Facts:
        return {
            "rpc.system": "grpc",
            "rpc.service": "tensorflow.serving.PredictionService",
            "rpc.method": "Predict",
            "server.address": self._address,
            "doublet.model": self._model,
            "doublet.version": version,
            "doublet.tiles": len(tiles),
        }

    def _in_our_words(self, error: grpc.RpcError, *, pinned: bool) -> ModelServerError:
        code = error.code()
        # Only the first line: below it, TensorFlow lists its graph's nodes.
        detail = (error.details() or "").partition("\n")[0] or code.name
        where = f"the model server at {self._address}"
        if code is grpc.StatusCode.UNAVAILABLE and self._tls:
            detail = self._tls.objection(self._address) or detail
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return ModelServerSlow(f"{where} did not answer within {self._deadline_s:g} s")
        if code is grpc.StatusCode.NOT_FOUND and pinned:
            return VersionGone(f"{where} has unloaded the version: {detail}")
        if code in INFRASTRUCTURE or detail.startswith(UNKNOWN_LABEL):
            return ModelServerUnavailable(f"{where} cannot serve {self._model}: {detail}")
        if code in REFUSALS:
            return ModelRefused(f"{self._model} refused the request: {detail}")
        return ModelMisbehaved(f"{self._model} failed with {code.name}: {detail}")


def _channel(address: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    authorities, certificate, key = tls.contents()
    credentials = grpc.ssl_channel_credentials(authorities, key, certificate)
    return grpc.secure_channel(address, credentials, options=CHANNEL_OPTIONS)


def _trace() -> tuple[tuple[str, str], ...] | None:
    """The span at hand, as gRPC's metadata."""
    traceparent = tracing.traceparent()
    return ((tracing.TRACEPARENT, traceparent),) if traceparent else None


def _output(answer: pb.PredictResponse, name: str) -> pb.Tensor:
    if name not in answer.outputs:
        raise ModelMisbehaved(f"the answer has no `{name}`, only {sorted(answer.outputs)}")
    return answer.outputs[name]


def _array(answer: pb.PredictResponse, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    array = to_uint8(name, _output(answer, name))
    if array.shape != shape:
        raise ModelMisbehaved(f"`{name}` has shape {list(array.shape)}, expected {list(shape)}")
    return array


def _number(answer: pb.PredictResponse, name: str) -> int:
    numbers = to_int32(name, _output(answer, name)).ravel()
    if not numbers.size:
        raise ModelMisbehaved(f"the model does not say its `{name}`")
    return int(numbers[0])


def _card(tensor: pb.Tensor) -> dict[str, Any]:
    cards = to_strings(contract.CARD, tensor)
    try:
        card = json.loads(cards[0]) if cards else None
    except ValueError as error:
        raise ModelMisbehaved(f"the model's card is not JSON: {error}") from error
    if not isinstance(card, dict):
        raise ModelMisbehaved("the model's card is not a JSON object")
    return card


def _members(card: Mapping[str, Any]) -> int:
    members = card.get(contract.MEMBERS)
    if not isinstance(members, int):
        raise ModelMisbehaved(f"the model's card gives no number of `{contract.MEMBERS}`")
    return members
