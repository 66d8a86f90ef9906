"""A model server without a model: it takes as long as a GPU would.

    python scripts/slow_model_server.py ADDRESS SECONDS_A_CALL

Speaks TensorFlow Serving's API as `doublet` does, answers in the right shapes, and lets every call
sleep for itself: as many GPUs as there are calls. Every tile is really doubled, by bicubic: answers
kept from before would be compressed and stored in no time. What that takes of the processor is
measured with the rest. For `scripts/scaling.py`.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
from PIL import Image

from serving import contract
from serving.proto import model_server_pb2 as pb
from serving.tensors import INT32, STRING, UINT8, from_uint8, to_uint8

RADIUS = 8
"""The shipped ensemble's, in input pixels."""
VERSION = 1
CALLS_AT_ONCE = 64

Answer = Callable[[Any, grpc.ServicerContext], Any]


def main() -> None:
    """Serve until killed."""
    address, seconds = sys.argv[1], float(sys.argv[2])

    def predict(request: Any, _: grpc.ServicerContext) -> Any:
        if request.model_spec.signature_name == contract.DESCRIBE:
            return description()
        time.sleep(seconds)
        return doubled(request)

    methods: dict[str, tuple[Answer, Any]] = {
        "Predict": (predict, pb.PredictRequest),
        "GetModelMetadata": (lambda request, context: signatures(), pb.GetModelMetadataRequest),
    }
    server = grpc.server(
        ThreadPoolExecutor(CALLS_AT_ONCE), options=[("grpc.max_receive_message_length", -1)]
    )
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, (answer, request) in methods.items()
    }
    service = "tensorflow.serving.PredictionService"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def description() -> Any:
    """What the model says of itself."""
    one = _shape([1])
    return pb.PredictResponse(
        model_spec=_spec(),
        outputs={
            contract.RADIUS: pb.Tensor(dtype=INT32, tensor_shape=one, int_val=[RADIUS]),
            contract.STRIDE: pb.Tensor(dtype=INT32, tensor_shape=one, int_val=[1]),
            contract.CARD: pb.Tensor(
                dtype=STRING, tensor_shape=one, string_val=[b'{"members": 16}']
            ),
        },
    )


def signatures() -> Any:
    """Names and dtypes of the model's tensors."""
    outputs = (contract.DOUBLED, contract.SPREAD)
    signature = pb.SignatureDef(
        inputs={contract.TILES: pb.TensorInfo(dtype=UINT8)},
        outputs={name: pb.TensorInfo(dtype=UINT8) for name in outputs},
    )
    packed = pb.SignatureDefMap(signature_def={contract.SERVING_DEFAULT: signature})
    content = pb.Any(value=packed.SerializeToString())
    return pb.GetModelMetadataResponse(model_spec=_spec(), metadata={"signature_def": content})


def doubled(request: Any) -> Any:
    """Tiles twice as large, as a bicubic upscale has them, and a spread that is even."""
    tiles = to_uint8(contract.TILES, request.inputs[contract.TILES])
    count, height, width, _ = tiles.shape
    size = (contract.SCALE * width, contract.SCALE * height)
    resized = [Image.fromarray(tile).resize(size, Image.Resampling.BICUBIC) for tile in tiles]
    answers = {
        contract.DOUBLED: np.stack([np.asarray(picture) for picture in resized]),
        contract.SPREAD: np.zeros((count, *reversed(size)), np.uint8),
    }
    return pb.PredictResponse(
        model_spec=_spec(),
        outputs={name: from_uint8(answers[name]) for name in request.output_filter},
    )


def _shape(sides: list[int]) -> Any:
    return pb.TensorShape(dim=[pb.TensorShape.Dim(size=side) for side in sides])


def _spec() -> Any:
    return pb.ModelSpec(name=contract.DOUBLET, version=pb.Int64(value=VERSION))


if __name__ == "__main__":
    main()
