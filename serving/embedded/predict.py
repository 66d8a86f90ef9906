"""``Predict``: named tensors in, named tensors out."""

from collections.abc import Iterable
from typing import Any

import grpc
from numpy.typing import NDArray
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from serving.embedded import tensors
from serving.embedded.refusal import Refusal, failed_precondition, invalid
from serving.embedded.servable import SERVING_DEFAULT, Servable

METHODS = tuple(f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress"))


def predict(
    servable: Servable,
    request: PredictRequest,
    *,
    as_content: bool,
    check_method: bool = False,
) -> PredictResponse:
    """Run one signature.

    Args:
        servable: the version that the request means.
        request: its inputs and, as a filter, the outputs wanted.
        as_content: answer in ``tensor_content``.
        check_method: refuse signatures whose method name is none of TensorFlow Serving's.

    Raises:
        Refusal: as TensorFlow Serving refuses, see predict_util.cc.
    """
    name = request.model_spec.signature_name or SERVING_DEFAULT
    if name not in servable.signatures:
        raise failed_precondition(f'Serving signature key "{name}" not found.')
    signature = servable.signatures[name]
    if check_method and signature.method_name not in METHODS:
        raise _unknown_method(signature)
    feeds = [
        (signature.inputs[alias], _decoded(alias, tensor))
        for alias, tensor in _inputs(signature, request).items()
    ]
    outputs = _outputs(signature, request.output_filter)
    results = servable.run(feeds, [info.name for info in outputs.values()])
    response = PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = name
    response.model_spec.version.value = servable.version
    for alias, info in outputs.items():
        tensor = tensors.encode(results[info.name], as_content=as_content)
        response.outputs[alias].CopyFrom(tensor)
    return response


def _inputs(signature: SignatureDef, request: PredictRequest) -> dict[str, TensorProto]:
    """A tensor for each input of the signature: sent, or the signature's default."""
    sent, wanted, defaults = set(request.inputs), set(signature.inputs), set(signature.defaults)
    if not len(wanted - defaults) <= len(sent) <= len(wanted):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} "
            f"len({_set(sent)}) != len({_set(wanted)}). Sent extra: {_set(sent - wanted)}. "
            f"Missing but required: {_set(wanted - sent)}."
        )
    inputs = {}
    for alias, info in sorted(signature.inputs.items()):
        if alias in sent:
            inputs[alias] = request.inputs[alias]
        elif alias in defaults:
            inputs[alias] = signature.defaults[alias]
        else:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {info.name}) not found in request and "
                f"no default value provided. Inputs expected to be in the request {_set(sent)}, "
                f"or default input alias set: {_join(defaults)}"
            )
    if sent - wanted:
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {_join(sent & wanted)}, "
            f"request input: {_join(sent)}"
        )
    return inputs


def _outputs(signature: SignatureDef, wanted: Iterable[str]) -> dict[str, TensorInfo]:
    """The outputs asked for, or all."""
    outputs: dict[str, TensorInfo] = {}
    for alias in wanted:
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if alias in outputs:
            raise invalid(f"duplicate output tensor alias: {alias}")
        outputs[alias] = signature.outputs[alias]
    return outputs or dict(signature.outputs)


def _decoded(alias: str, tensor: TensorProto) -> NDArray[Any]:
    try:
        return tensors.decode(tensor)
    except tensors.MalformedTensor as error:
        raise invalid(f"tensor parsing error: {alias}") from error


def _unknown_method(signature: SignatureDef) -> Refusal:
    return Refusal(
        grpc.StatusCode.INTERNAL,
        f"Expected prediction signature method_name to be one of {{{', '.join(METHODS)}}}. "
        f"Was: {signature.method_name}",
    )


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(names))


def _set(names: Iterable[str]) -> str:
    return f"{{{_join(names)}}}"
