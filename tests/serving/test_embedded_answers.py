"""TensorFlow Serving's answers, from the embedded server: codes and texts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import pytest

from tests.fixtures.model_servers import RunningModelServer


@dataclass(frozen=True)
class Stubs:
    """The official stubs."""

    prediction: Any
    model: Any


@pytest.fixture(scope="module")
def stubs(embedded_model_server: RunningModelServer) -> Iterator[Stubs]:
    from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

    with grpc.insecure_channel(embedded_model_server.address) as channel:
        yield Stubs(
            prediction_service_pb2_grpc.PredictionServiceStub(channel),
            model_service_pb2_grpc.ModelServiceStub(channel),
        )


def tensor(values: Any, dtype: Any = np.float32) -> Any:
    import tensorflow as tf

    return tf.make_tensor_proto(np.array(values, dtype))


def predict_request(name: str = "half_plus_two", signature: str = "", **inputs: Any) -> Any:
    from tensorflow_serving.apis.model_pb2 import ModelSpec
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    spec = ModelSpec(name=name, signature_name=signature)
    return PredictRequest(model_spec=spec, inputs=inputs)


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    return error.code().name, error.details()


def values(message: Any) -> Any:
    import tensorflow as tf

    return tf.make_ndarray(message).tolist()


def test_predict(stubs: Stubs) -> None:
    answer = stubs.prediction.Predict(predict_request(x=tensor([[2.0], [5.0]])))

    assert values(answer.outputs["y"]) == [[3.0], [4.5]]
    assert answer.model_spec.name == "half_plus_two"
    assert answer.model_spec.signature_name == "serving_default"
    assert answer.model_spec.version.value == 123


def test_the_feed_is_never_checked_against_the_signatures_shape(stubs: Stubs) -> None:
    answer = stubs.prediction.Predict(predict_request(x=tensor([[[2.0]]])))

    assert values(answer.outputs["y"]) == [[[3.0]]]


def test_the_last_typed_value_fills_the_shape(stubs: Stubs) -> None:
    request = predict_request(x=tensor([[2.0], [2.0], [2.0]]))
    request.inputs["x"].ClearField("tensor_content")
    del request.inputs["x"].float_val[:]
    request.inputs["x"].float_val.extend([2.0, 4.0])

    answer = stubs.prediction.Predict(request)

    assert values(answer.outputs["y"]) == [[3.0], [4.0], [4.0]]


def test_the_output_filter_selects(stubs: Stubs) -> None:
    tiles = tensor(np.zeros((1, 2, 2, 3)), np.uint8)
    everything = stubs.prediction.Predict(predict_request("doublet", tiles=tiles))
    request = predict_request("doublet", tiles=tiles)
    request.output_filter.append("spread")
    selected = stubs.prediction.Predict(request)

    assert set(everything.outputs) == {"doubled", "spread"}
    assert set(selected.outputs) == {"spread"}


def test_a_version_can_be_asked_for_by_number_and_by_label(stubs: Stubs) -> None:
    tiles = tensor(np.zeros((1, 2, 2, 3)), np.uint8)
    by_number = predict_request("doublet", tiles=tiles)
    by_number.model_spec.version.value = 1
    by_label = predict_request("doublet", tiles=tiles)
    by_label.model_spec.version_label = "stable"

    for request in (by_number, by_label):
        assert stubs.prediction.Predict(request).model_spec.version.value == 1


def at_version(request: Any, version: int) -> Any:
    request.model_spec.version.value = version
    return request


def at_label(request: Any, label: str) -> Any:
    request.model_spec.version_label = label
    return request


def filtered(request: Any, *outputs: str) -> Any:
    request.output_filter.extend(outputs)
    return request


def without_spec(request: Any) -> Any:
    request.ClearField("model_spec")
    return request


def too_short(request: Any) -> Any:
    request.inputs["x"].tensor_content = b"\0\0\0"
    return request


NOT_FOUND, INVALID, PRECONDITION = "NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("request_of", "code", "text"),
    [
        (
            lambda x: predict_request("m", x=x),
            NOT_FOUND,
            "Servable not found for request: Latest(m)",
        ),
        (
            lambda x: at_version(predict_request(x=x), 9),
            NOT_FOUND,
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
        (
            lambda x: at_label(predict_request(x=x), "canary"),
            INVALID,
            "Unrecognized servable version label: canary",
        ),
        (lambda x: without_spec(predict_request(x=x)), INVALID, "Missing ModelSpec"),
        (lambda x: predict_request("", x=x), INVALID, "ModelSpec has no name specified."),
        (
            lambda x: predict_request(signature="s", x=x),
            PRECONDITION,
            'Serving signature key "s" not found.',
        ),
        (
            lambda x: predict_request(),
            INVALID,
            "input size does not match signature: 0!=1 len({}) != len({x}). "
            "Sent extra: {}. Missing but required: {x}.",
        ),
        (
            lambda x: predict_request(x=x, z=x),
            INVALID,
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). "
            "Sent extra: {z}. Missing but required: {}.",
        ),
        (
            lambda x: predict_request(z=x),
            INVALID,
            "Signature input alias: x(feed name: x:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {z}, or default input alias set: ",
        ),
        (lambda x: too_short(predict_request(x=x)), INVALID, "tensor parsing error: x"),
        (
            lambda x: filtered(predict_request(x=x), "q"),
            INVALID,
            "output tensor alias not found in signature: q Outputs expected to be in the set {y}.",
        ),
        (
            lambda x: filtered(predict_request(x=x), "y", "y"),
            INVALID,
            "duplicate output tensor alias: y",
        ),
        (
            lambda x: predict_request(x=tensor([[2]], np.uint8)),
            INVALID,
            "Expects arg[0] to be float but uint8 is provided",
        ),
        (
            lambda x: predict_request("doublet", tiles=tensor(np.zeros((2, 2, 3)), np.uint8)),
            INVALID,
            "convolution input must be 4-dimensional: [2,2,3]",
        ),
    ],
)
def test_predict_refuses(stubs: Stubs, request_of: Any, code: str, text: str) -> None:
    request = request_of(tensor([[2.0]]))

    assert refusal(lambda: stubs.prediction.Predict(request)) == (code, text)


def test_a_wrong_shape_is_answered_by_the_kernel(stubs: Stubs) -> None:
    tiles = tensor(np.zeros((1, 2, 2, 1)), np.uint8)

    code, text = refusal(lambda: stubs.prediction.Predict(predict_request("doublet", tiles=tiles)))

    assert code == INVALID
    assert "depth" in text


def test_long_texts_are_cut(stubs: Stubs) -> None:
    code, text = refusal(lambda: stubs.prediction.Predict(predict_request("m" * 2000)))

    assert code == NOT_FOUND
    assert len(text) == 1024 + len("...TRUNCATED")
    assert text.endswith("mmm...TRUNCATED")


def with_example(request: Any) -> Any:
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(2.0)
    return request


def spec(signature: str) -> Any:
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    return ModelSpec(name="half_plus_two", signature_name=signature)


def test_classify(stubs: Stubs) -> None:
    from tensorflow_serving.apis.classification_pb2 import ClassificationRequest

    answer = stubs.prediction.Classify(
        with_example(ClassificationRequest(model_spec=spec("classify")))
    )

    ((a_class,),) = (classes.classes for classes in answer.result.classifications)
    assert (a_class.label, a_class.score) == ("", 3.0)
    assert answer.model_spec.signature_name == "classify"


def test_regress_with_context(stubs: Stubs) -> None:
    from tensorflow_serving.apis.regression_pb2 import RegressionRequest

    request = RegressionRequest(model_spec=spec("regress"))
    several = request.input.example_list_with_context
    several.context.features.feature["x"].float_list.value.append(4.0)
    several.examples.add()
    several.examples.add().features.feature["x"].float_list.value.append(2.0)

    answer = stubs.prediction.Regress(request)

    assert [regression.value for regression in answer.result.regressions] == [4.0, 3.0]


def test_multi_inference(stubs: Stubs) -> None:
    from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest

    request = with_example(MultiInferenceRequest())
    for name in ("regress", "classify"):
        request.tasks.add(model_spec=spec(name), method_name=f"tensorflow/serving/{name}")

    regression, classification = stubs.prediction.MultiInference(request).results

    assert regression.regression_result.regressions[0].value == 3.0
    assert classification.classification_result.classifications[0].classes[0].score == 3.0
    assert classification.model_spec.signature_name == "classify"


def test_examples_are_refused(stubs: Stubs) -> None:
    from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
    from tensorflow_serving.apis.regression_pb2 import RegressionRequest

    assert refusal(
        lambda: stubs.prediction.Classify(with_example(ClassificationRequest(model_spec=spec("s"))))
    ) == (INVALID, "No signature was found with the name: s")
    assert refusal(
        lambda: stubs.prediction.Regress(RegressionRequest(model_spec=spec("regress")))
    ) == (INVALID, "Input is empty.")


def metadata_request(name: str, *fields: str) -> Any:
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    return GetModelMetadataRequest(model_spec=ModelSpec(name=name), metadata_field=fields)


def test_metadata_holds_the_signatures(stubs: Stubs) -> None:
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

    answer = stubs.prediction.GetModelMetadata(metadata_request("doublet", "signature_def"))

    signatures = SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "describe"} <= set(signatures.signature_def)
    assert set(signatures.signature_def["serving_default"].outputs) == {"doubled", "spread"}
    assert answer.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((), "GetModelMetadataRequest must specify at least one metadata_field"),
        (("f",), "Metadata field f is not supported"),
    ],
)
def test_metadata_is_refused(stubs: Stubs, fields: tuple[str, ...], text: str) -> None:
    request = metadata_request("doublet", *fields)

    assert refusal(lambda: stubs.prediction.GetModelMetadata(request)) == (INVALID, text)


def status_request(name: str, version: int | None = None) -> Any:
    from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

    request = GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status(stubs: Stubs) -> None:
    (version,) = stubs.model.GetModelStatus(status_request("doublet")).model_version_status

    assert (version.version, version.state, version.status.error_code) == (1, 30, 0)
    assert refusal(lambda: stubs.model.GetModelStatus(status_request("m"))) == (
        NOT_FOUND,
        "Could not find any versions of model m",
    )
    assert refusal(lambda: stubs.model.GetModelStatus(status_request("doublet", 5))) == (
        NOT_FOUND,
        "Could not find version 5 of model doublet",
    )


def test_health_says_serving(embedded_model_server: RunningModelServer) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(embedded_model_server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "tensorflow.serving.PredictionService"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
