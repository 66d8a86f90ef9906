"""``Classify``, ``Regress`` and ``MultiInference``: signatures that take serialised Examples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow_serving.apis.classification_pb2 import (
    ClassificationRequest,
    ClassificationResponse,
    ClassificationResult,
)
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest, MultiInferenceResponse
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.regression_pb2 import (
    RegressionRequest,
    RegressionResponse,
    RegressionResult,
)

from serving.embedded.refusal import failed_precondition, invalid, unimplemented
from serving.embedded.servable import SERVING_DEFAULT, Servable

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"

INPUTS = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUTS = "outputs"

Results = Mapping[str, NDArray[Any]]


def classify(
    servable: Servable, request: ClassificationRequest, *, check_method: bool = False
) -> ClassificationResponse:
    """Labels and scores for each Example.

    Args:
        servable: the version that the request means.
        request: its Examples.
        check_method: refuse signatures whose method name is another; TensorFlow 2 writes
            ``tensorflow/serving/predict`` for all.

    Raises:
        Refusal: as TensorFlow Serving refuses, see classifier.cc.
    """
    signature = _signature(servable, request.model_spec)
    _require_inputs(signature, "classification", CLASSIFY if check_method else None)
    examples = _serialized(request.input)
    fetches = [info.name for info in _class_tensors(signature)]
    results = servable.run([(signature.inputs[INPUTS], examples)], fetches)
    response = ClassificationResponse(result=_classifications(signature, results, examples.size))
    _name(response.model_spec, request.model_spec, servable)
    return response


def regress(
    servable: Servable, request: RegressionRequest, *, check_method: bool = False
) -> RegressionResponse:
    """One number for each Example; arguments as `classify`'s.

    Raises:
        Refusal: as TensorFlow Serving refuses, see regressor.cc.
    """
    signature = _signature(servable, request.model_spec)
    _require_inputs(signature, "regression", REGRESS if check_method else None)
    examples = _serialized(request.input)
    fetches = [_regression_tensor(signature).name]
    results = servable.run([(signature.inputs[INPUTS], examples)], fetches)
    response = RegressionResponse(result=_regressions(signature, results, examples.size))
    _name(response.model_spec, request.model_spec, servable)
    return response


def multi_inference(
    servable: Servable, request: MultiInferenceRequest, *, check_method: bool = False
) -> MultiInferenceResponse:
    """Several classifications and regressions of the same Examples, in one run.

    Arguments as `classify`'s.

    Raises:
        Refusal: as TensorFlow Serving refuses, see multi_inference.cc.
    """
    signatures: dict[str, SignatureDef] = {}
    fetches: list[str] = []
    for task in request.tasks:
        name = task.model_spec.signature_name or SERVING_DEFAULT
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        if name in signatures:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        if name not in servable.signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        signature = signatures[name] = servable.signatures[name]
        if task.method_name == CLASSIFY:
            _require_inputs(signature, "classification", CLASSIFY if check_method else None)
            fetches += [info.name for info in _class_tensors(signature)]
        elif task.method_name == REGRESS:
            _require_inputs(signature, "regression", REGRESS if check_method else None)
            fetches.append(_regression_tensor(signature).name)
        else:
            raise unimplemented(f"Unsupported signature method_name: {task.method_name}")
    examples = _serialized(request.input)
    # TensorFlow 2 gives every signature an input of its own; all get the same Examples.
    inputs = {
        signature.inputs[INPUTS].name: signature.inputs[INPUTS] for signature in signatures.values()
    }
    feeds = [(info, examples) for info in inputs.values()]
    results = servable.run(feeds, fetches)
    response = MultiInferenceResponse()
    for task, signature in zip(request.tasks, signatures.values(), strict=True):
        answer = response.results.add()
        _name(answer.model_spec, task.model_spec, servable)
        if task.method_name == CLASSIFY:
            classes = _classifications(signature, results, examples.size)
            answer.classification_result.CopyFrom(classes)
        else:
            answer.regression_result.CopyFrom(_regressions(signature, results, examples.size))
    return response


def _signature(servable: Servable, spec: ModelSpec) -> SignatureDef:
    name = spec.signature_name or SERVING_DEFAULT
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return servable.signatures[name]


def _require_inputs(signature: SignatureDef, kind: str, method: str | None) -> None:
    if method is not None and signature.method_name != method:
        raise invalid(
            f"Expected {kind} signature method_name to be {method}. Was: {signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if INPUTS not in signature.inputs:
        raise failed_precondition(f"No {kind} inputs found in SignatureDef: {signature}")


def _serialized(examples: Input) -> NDArray[Any]:
    """Each Example's bytes; a context's are put before them, which merges the two."""
    if examples.WhichOneof("kind") == "example_list_with_context":
        several = examples.example_list_with_context
        context = several.context.SerializeToString()
        serialized = [context + example.SerializeToString() for example in several.examples]
    else:
        serialized = [e.SerializeToString() for e in examples.example_list.examples]
    if not serialized:
        raise invalid("Input is empty.")
    array = np.empty(len(serialized), object)
    array[:] = serialized
    return array


def _class_tensors(signature: SignatureDef) -> Sequence[TensorInfo]:
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    found = [signature.outputs[name] for name in (CLASSES, SCORES) if name in signature.outputs]
    if not found:
        raise failed_precondition(
            "Expected classification signature outputs to contain at least one of "
            f'"{CLASSES}" or "{SCORES}". Signature was: {signature}'
        )
    return found


def _regression_tensor(signature: SignatureDef) -> TensorInfo:
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    if OUTPUTS not in signature.outputs:
        raise failed_precondition(f"No regression outputs found in SignatureDef: {signature}")
    return signature.outputs[OUTPUTS]


def _classifications(signature: SignatureDef, results: Results, count: int) -> ClassificationResult:
    tables = {
        name: _class_table(name, signature.outputs[name], results, count)
        for name in (CLASSES, SCORES)
        if name in signature.outputs
    }
    widths = {name: table.shape[1] for name, table in tables.items()}
    if len(set(widths.values())) > 1:
        raise invalid(
            "Tensors class and score should match in dim_size(1). "
            f"Got {widths[CLASSES]} vs. {widths[SCORES]}"
        )
    result = ClassificationResult()
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(max(widths.values())):
            a_class = classes.add()
            if CLASSES in tables:
                a_class.label = tables[CLASSES][row, column]
            if SCORES in tables:
                a_class.score = tables[SCORES][row, column]
    return result


def _class_table(name: str, info: TensorInfo, results: Results, count: int) -> NDArray[Any]:
    table = results[info.name]
    wanted = types_pb2.DT_STRING if name == CLASSES else types_pb2.DT_FLOAT
    if table.ndim != 2:
        raise invalid(
            f"Expected Tensor shape: [batch_size num_classes] but got {_bracketed(table.shape)}"
        )
    if info.dtype != wanted:
        raise invalid(
            f"Expected {name} Tensor of {types_pb2.DataType.Name(wanted)}. "
            f"Got: {types_pb2.DataType.Name(info.dtype)}"
        )
    if table.shape[0] != count:
        raise invalid(f"Expected {name} output batch size of {count}. Got: {table.shape[0]}")
    return table


def _regressions(signature: SignatureDef, results: Results, count: int) -> RegressionResult:
    info = _regression_tensor(signature)
    values = results[info.name]
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise invalid(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {_bracketed(values.shape)}"
        )
    if values.shape[0] != count:
        raise invalid(
            f"Input batch size did not match output batch size: {count} vs. {values.shape[0]}"
        )
    if info.dtype != types_pb2.DT_FLOAT:
        got = types_pb2.DataType.Name(info.dtype)
        raise invalid(f"Expected output Tensor of DT_FLOAT.  Got: {got}")
    result = RegressionResult()
    for value in values.ravel():
        result.regressions.add().value = value
    return result


def _bracketed(shape: Iterable[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _name(answer: ModelSpec, asked: ModelSpec, servable: Servable) -> None:
    answer.name = asked.name
    answer.signature_name = asked.signature_name or SERVING_DEFAULT
    answer.version.value = servable.version
