"""Our own messages are TensorFlow Serving's, byte for byte, and cost no TensorFlow."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import Message

from serving import tensors
from serving.errors import ModelMisbehaved
from serving.proto import model_server_pb2 as ours

REPOSITORY = Path(__file__).parents[2]

TILES = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)


@pytest.mark.parametrize("module", ["serving.client", "serving.model_server", "serving.contract"])
def test_the_client_imports_no_tensorflow(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True, text=True
    )

    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "serving" in imported
    assert not imported & {"tensorflow", "tensorflow_serving", "keras", "tensorboard"}


def theirs_and_ours() -> list[tuple[Message, Message]]:
    """The same messages, made once from each set."""
    import tensorflow as tf
    from google.protobuf.any_pb2 import Any
    from google.protobuf.wrappers_pb2 import Int64Value
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
    from tensorflow_serving.apis import get_model_metadata_pb2 as metadata
    from tensorflow_serving.apis import get_model_status_pb2 as status
    from tensorflow_serving.apis import model_pb2, predict_pb2
    from tensorflow_serving.apis.status_pb2 import StatusProto

    spec = model_pb2.ModelSpec(name="doublet", signature_name="s", version=Int64Value(value=3))
    our_spec = ours.ModelSpec(name="doublet", signature_name="s", version=ours.Int64(value=3))
    labelled = model_pb2.ModelSpec(name="doublet", version_label="stable")
    tiles = tf.make_tensor_proto(TILES)
    signature = SignatureDef(
        inputs={"tiles": TensorInfo(name="t:0", dtype=tf.uint8.as_datatype_enum)},
        outputs={"doubled": TensorInfo(name="d:0", dtype=tf.uint8.as_datatype_enum)},
        method_name="tensorflow/serving/predict",
    )
    our_signature = ours.SignatureDef(
        inputs={"tiles": ours.TensorInfo(name="t:0", dtype=tensors.UINT8)},
        outputs={"doubled": ours.TensorInfo(name="d:0", dtype=tensors.UINT8)},
        method_name="tensorflow/serving/predict",
    )
    packed = Any()
    packed.Pack(metadata.SignatureDefMap(signature_def={"s": signature}))
    our_packed = ours.Any(
        type_url="type.googleapis.com/tensorflow.serving.SignatureDefMap",
        value=ours.SignatureDefMap(signature_def={"s": our_signature}).SerializeToString(),
    )
    return [
        (
            predict_pb2.PredictRequest(
                model_spec=spec, inputs={"tiles": tiles}, output_filter=["doubled", "spread"]
            ),
            ours.PredictRequest(
                model_spec=our_spec,
                inputs={"tiles": tensors.from_uint8(TILES)},
                output_filter=["doubled", "spread"],
            ),
        ),
        (
            predict_pb2.PredictResponse(model_spec=spec, outputs={"doubled": tiles}),
            ours.PredictResponse(
                model_spec=our_spec, outputs={"doubled": tensors.from_uint8(TILES)}
            ),
        ),
        (
            metadata.GetModelMetadataRequest(model_spec=labelled, metadata_field=["f"]),
            ours.GetModelMetadataRequest(
                model_spec=ours.ModelSpec(name="doublet", version_label="stable"),
                metadata_field=["f"],
            ),
        ),
        (
            metadata.GetModelMetadataResponse(model_spec=spec, metadata={"f": packed}),
            ours.GetModelMetadataResponse(model_spec=our_spec, metadata={"f": our_packed}),
        ),
        (
            status.GetModelStatusRequest(model_spec=spec),
            ours.GetModelStatusRequest(model_spec=our_spec),
        ),
        (
            status.GetModelStatusResponse(
                model_version_status=[
                    status.ModelVersionStatus(
                        version=3, state=50, status=StatusProto(error_code=5, error_message="m")
                    )
                ]
            ),
            ours.GetModelStatusResponse(
                model_version_status=[
                    ours.ModelVersionStatus(
                        version=3,
                        state=50,
                        status=ours.ModelVersionStatus.Status(error_code=5, error_message="m"),
                    )
                ]
            ),
        ),
    ]


def test_the_bytes_are_the_same() -> None:
    for theirs, our in theirs_and_ours():
        assert our.SerializeToString(deterministic=True) == theirs.SerializeToString(
            deterministic=True
        )


def test_their_bytes_read_back_the_same() -> None:
    for theirs, our in theirs_and_ours():
        assert type(our).FromString(theirs.SerializeToString()) == our


def test_both_ways_of_sending_uint8_are_read() -> None:
    content = tensors.from_uint8(TILES)
    typed = ours.Tensor(dtype=tensors.UINT8, tensor_shape=content.tensor_shape)
    typed.int_val.extend(TILES.ravel().tolist())

    np.testing.assert_array_equal(tensors.to_uint8("x", content), TILES)
    np.testing.assert_array_equal(tensors.to_uint8("x", typed), TILES)


def test_strings_are_packed_as_tensorflow_packs_them() -> None:
    import tensorflow as tf

    strings = [b"", b"short", b"x" * 300]
    message = tf.make_tensor_proto(np.zeros(3, np.uint8))
    message.dtype = tf.string.as_datatype_enum
    message.tensor_content = tensors.pack_strings(strings)

    read = tf.io.parse_tensor(message.SerializeToString(), tf.string).numpy().tolist()

    assert read == strings
    assert tensors.unpack_strings(message.tensor_content, 3) == strings


@pytest.mark.parametrize(
    "tensor",
    [
        ours.Tensor(dtype=1, tensor_shape=ours.TensorShape()),
        ours.Tensor(dtype=tensors.UINT8, tensor_content=b"ab"),
        ours.Tensor(
            dtype=tensors.UINT8,
            tensor_shape=ours.TensorShape(dim=[ours.TensorShape.Dim(size=3)]),
            tensor_content=b"ab",
        ),
    ],
    ids=["float", "too many", "too few"],
)
def test_an_answer_of_another_kind_misbehaves(tensor: ours.Tensor) -> None:
    with pytest.raises(ModelMisbehaved, match="`doubled`"):
        tensors.to_uint8("doubled", tensor)
