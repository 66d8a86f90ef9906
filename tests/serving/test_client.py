"""What the client makes of servers that fail, dawdle or answer nonsense."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from infra.errors import Unavailable
from serving import contract
from serving.client import GrpcModelServer
from serving.errors import (
    ModelMisbehaved,
    ModelRefused,
    ModelServerError,
    ModelServerSlow,
    ModelServerUnavailable,
    VersionGone,
)
from serving.proto import model_server_pb2 as pb
from serving.tensors import INT32, STRING, UINT8, from_uint8

TILES = np.zeros((2, 4, 4, 3), np.uint8)

Handler = Callable[[Any, grpc.ServicerContext], Any]


class ScriptedServer:
    """A gRPC server with TensorFlow Serving's methods that answers what a test wants."""

    def __init__(self) -> None:
        self.predict: Handler = lambda request, context: description()
        self.metadata: Handler = lambda request, context: signatures()
        limit = [("grpc.max_receive_message_length", -1)]
        self._server = grpc.server(ThreadPoolExecutor(2), options=limit)
        self._server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    "tensorflow.serving.PredictionService",
                    {
                        "Predict": self._method("predict", pb.PredictRequest),
                        "GetModelMetadata": self._method("metadata", pb.GetModelMetadataRequest),
                    },
                )
            ]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()

    def _method(self, name: str, request: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            lambda message, context: getattr(self, name)(message, context),
            request_deserializer=request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[GrpcModelServer]:
    connected = GrpcModelServer(server.address, deadline_s=10)
    yield connected
    connected.close()


def description(card: str = '{"members": 16}', version: int = 4) -> pb.PredictResponse:
    one = pb.TensorShape(dim=[pb.TensorShape.Dim(size=1)])
    return pb.PredictResponse(
        model_spec=pb.ModelSpec(name="doublet", version=pb.Int64(value=version)),
        outputs={
            contract.RADIUS: pb.Tensor(dtype=INT32, tensor_shape=one, int_val=[12]),
            contract.STRIDE: pb.Tensor(dtype=INT32, tensor_shape=one, int_val=[4]),
            contract.CARD: pb.Tensor(dtype=STRING, tensor_shape=one, string_val=[card.encode()]),
        },
    )


def signatures(*outputs: str, dtype: int = UINT8) -> pb.GetModelMetadataResponse:
    signature = pb.SignatureDef(
        inputs={contract.TILES: pb.TensorInfo(dtype=dtype)},
        outputs={name: pb.TensorInfo(dtype=dtype) for name in (contract.DOUBLED, *outputs)},
    )
    packed = pb.SignatureDefMap(signature_def={contract.SERVING_DEFAULT: signature})
    return pb.GetModelMetadataResponse(
        metadata={"signature_def": pb.Any(value=packed.SerializeToString())}
    )


def refusing(code: grpc.StatusCode, text: str = "because") -> Handler:
    def refuse(request: Any, context: grpc.ServicerContext) -> None:
        context.abort(code, text)

    return refuse


def test_a_description_is_read(server: ScriptedServer, client: GrpcModelServer) -> None:
    server.metadata = lambda request, context: signatures(contract.SPREAD)

    model = client.describe()

    assert (model.version, model.radius, model.stride, model.members) == (4, 12, 4, 16)
    assert model.has_spread


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("UNAVAILABLE", ModelServerUnavailable),
        ("RESOURCE_EXHAUSTED", ModelServerUnavailable),
        ("DEADLINE_EXCEEDED", ModelServerSlow),
        ("UNIMPLEMENTED", ModelServerUnavailable),
        ("NOT_FOUND", VersionGone),
        ("INVALID_ARGUMENT", ModelRefused),
        ("FAILED_PRECONDITION", ModelRefused),
        ("INTERNAL", ModelMisbehaved),
        ("UNKNOWN", ModelMisbehaved),
    ],
)
def test_every_code_has_its_error(
    server: ScriptedServer, client: GrpcModelServer, code: str, error: type[ModelServerError]
) -> None:
    server.predict = refusing(grpc.StatusCode[code], "because\n\t[[{{node conv}}]]")

    with pytest.raises(ModelServerError) as caught:
        client.double(TILES, version=4, spread=False)

    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_infrastructure_is_told_from_the_picture(
    server: ScriptedServer, client: GrpcModelServer
) -> None:
    server.predict = refusing(grpc.StatusCode.UNAVAILABLE)

    with pytest.raises(Unavailable):
        client.double(TILES, version=4, spread=False)


def test_a_model_that_is_not_loaded_yet_is_unavailable(
    server: ScriptedServer, client: GrpcModelServer
) -> None:
    server.predict = refusing(grpc.StatusCode.NOT_FOUND)

    with pytest.raises(ModelServerUnavailable, match="because"):
        client.describe()


def test_a_server_that_dawdles_is_slow(server: ScriptedServer) -> None:
    given_up = threading.Event()

    def dawdle(request: Any, context: grpc.ServicerContext) -> Any:
        given_up.wait(10)
        return description()

    server.predict = dawdle
    impatient = GrpcModelServer(server.address, deadline_s=0.05)

    with pytest.raises(ModelServerSlow, match=r"0\.05 s"):
        impatient.double(TILES, version=4, spread=False)
    given_up.set()
    impatient.close()


def test_a_version_that_goes_while_it_is_described_gives_way_to_its_successor(
    server: ScriptedServer, client: GrpcModelServer
) -> None:
    served = iter([4, 5])
    server.predict = lambda request, context: description(version=next(served))

    def metadata(request: pb.GetModelMetadataRequest, context: grpc.ServicerContext) -> Any:
        if request.model_spec.version.value == 4:
            context.abort(grpc.StatusCode.NOT_FOUND, "gone")
        return signatures()

    server.metadata = metadata

    assert client.describe().version == 5


@pytest.mark.parametrize("card", ["{", "[]", "{}", json.dumps({"members": "many"})])
def test_a_card_that_breaks_the_contract_misbehaves(
    server: ScriptedServer, client: GrpcModelServer, card: str
) -> None:
    server.predict = lambda request, context: description(card)

    with pytest.raises(ModelMisbehaved, match="card"):
        client.describe()


def test_a_model_of_another_kind_misbehaves(
    server: ScriptedServer, client: GrpcModelServer
) -> None:
    server.metadata = lambda request, context: signatures(dtype=1)
    with pytest.raises(ModelMisbehaved, match="`tiles`"):
        client.describe()

    server.predict = refusing(grpc.StatusCode.FAILED_PRECONDITION, 'key "describe" not found')
    with pytest.raises(ModelMisbehaved, match="describe itself"):
        client.describe()


@pytest.mark.parametrize(
    "doubled",
    [
        from_uint8(np.zeros((2, 8, 8, 1), np.uint8)),
        from_uint8(np.zeros((1, 8, 8, 3), np.uint8)),
        pb.Tensor(dtype=1, tensor_shape=from_uint8(np.zeros((2, 8, 8, 3), np.uint8)).tensor_shape),
    ],
    ids=["grey", "a tile less", "float"],
)
def test_a_wrong_answer_misbehaves(
    server: ScriptedServer, client: GrpcModelServer, doubled: pb.Tensor
) -> None:
    server.predict = lambda request, context: pb.PredictResponse(
        outputs={contract.DOUBLED: doubled}
    )

    with pytest.raises(ModelMisbehaved, match="`doubled`"):
        client.double(TILES, version=4, spread=False)


def test_a_missing_output_misbehaves(server: ScriptedServer, client: GrpcModelServer) -> None:
    server.predict = lambda request, context: pb.PredictResponse()

    with pytest.raises(ModelMisbehaved, match="no `doubled`"):
        client.double(TILES, version=4, spread=False)


def test_answers_larger_than_grpcs_own_limit_arrive(
    server: ScriptedServer, client: GrpcModelServer
) -> None:
    doubled = np.full((1, 2048, 2048, 3), 7, np.uint8)
    server.predict = lambda request, context: pb.PredictResponse(
        outputs={contract.DOUBLED: from_uint8(doubled)}
    )

    answer = client.double(np.zeros((1, 1024, 1024, 3), np.uint8), version=4, spread=False)

    np.testing.assert_array_equal(answer.doubled, doubled)


def test_a_name_of_several_servers_gives_each_its_share() -> None:
    servers = [ScriptedServer(), ScriptedServer()]
    asked: set[ScriptedServer] = set()

    def noting(server: ScriptedServer, answer: Any) -> Handler:
        def note(request: Any, context: grpc.ServicerContext) -> Any:
            asked.add(server)
            return answer

        return note

    for server in servers:
        server.predict = noting(server, description())
        server.metadata = noting(server, signatures(contract.SPREAD))
    client = GrpcModelServer(
        f"ipv4:{','.join(server.address for server in servers)}", deadline_s=10
    )
    try:
        deadline = time.monotonic() + 60
        # The second connection may come up a moment after the first one.
        while asked != set(servers) and time.monotonic() < deadline:
            client.describe()
        assert asked == set(servers)
    finally:
        client.close()
        for server in servers:
            server.stop()
