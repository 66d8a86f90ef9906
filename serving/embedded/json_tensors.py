"""The body of ``:predict``: JSON to tensors and back."""

import enum
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from serving.embedded import tensors
from serving.embedded.json_body import (
    from_base64,
    is_base64,
    parse,
    set_signature,
    show,
    to_base64,
    type_name,
)
from serving.embedded.refusal import Refusal, invalid, unimplemented

BYTES_SUFFIX = "_bytes"
"""String tensors whose name ends so are bytes, and written in base64."""

FLOATS = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE)
INTEGER_RANGES = {
    types_pb2.DT_INT8: "int32",
    types_pb2.DT_INT16: "int32",
    types_pb2.DT_INT32: "int32",
    types_pb2.DT_UINT8: "int32",
    types_pb2.DT_INT64: "int64",
    types_pb2.DT_UINT32: "uint32",
    types_pb2.DT_UINT64: "uint64",
}
"""What a JSON number must fit into, by dtype; small ones travel as int32."""


class Form(enum.Enum):
    """How a Predict body is laid out."""

    ROW = "instances"
    COLUMN = "inputs"


def read(
    body: bytes, spec: ModelSpec, inputs_of: Callable[[ModelSpec], Mapping[str, TensorInfo]]
) -> tuple[PredictRequest, Form]:
    """Read the body of ``:predict``.

    Args:
        body: JSON.
        spec: the model that the path names.
        inputs_of: looks up the inputs of the signature meant.

    Raises:
        Refusal: it is malformed, or does not fit the signature.
    """
    document = parse(body)
    request = PredictRequest(model_spec=spec)
    set_signature(document, request)
    inputs = inputs_of(request.model_spec)
    if not inputs:
        raise invalid("Failed to get input map for signature: DEFAULT")
    given = [form for form in Form if form.value in document]
    if len(given) > 1:
        raise invalid(
            f"JSON Value: {show(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if not given:
        raise invalid("Missing 'inputs' or 'instances' key")
    (form,) = given
    arrays_of = _rows if form is Form.ROW else _columns
    for name, array in arrays_of(document[form.value], inputs).items():
        request.inputs[name].CopyFrom(tensors.encode(array, as_content=True))
    return request, form


def write(answer: PredictResponse, form: Form) -> str:
    """Write the answer of ``:predict`` in the request's form.

    Raises:
        Refusal: rows were asked for and the outputs have no common batch dimension.
    """
    arrays = {name: tensors.decode(tensor) for name, tensor in answer.outputs.items()}
    if form is Form.ROW:
        _require_batch(arrays)
    values = {name: _values(name, array) for name, array in sorted(arrays.items())}
    if form is Form.COLUMN:
        outputs = values if len(values) > 1 else next(iter(values.values()))
        return json.dumps({"outputs": outputs})
    if len(values) == 1:
        return json.dumps({"predictions": next(iter(values.values()))})
    rows = zip(*values.values(), strict=True)
    return json.dumps({"predictions": [dict(zip(values, row, strict=True)) for row in rows]})


def _columns(given: Any, inputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """One whole tensor for each input."""
    if isinstance(given, dict) and not is_base64(given):
        for name in inputs:
            if name not in given:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
        return {name: _array(given[name], info.dtype) for name, info in inputs.items()}
    if len(inputs) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple "
            "input tensors required as per tensorinfo_map"
        )
    ((name, info),) = inputs.items()
    return {name: _array(given, info.dtype)}


def _rows(given: Any, inputs: Mapping[str, TensorInfo]) -> dict[str, NDArray[Any]]:
    """A list of instances, each a value for the only input, or an object of all inputs."""
    if not isinstance(given, list):
        raise invalid(f"JSON Value: {show(given)} Excepting 'instances' to be an list/array")
    if not given:
        raise invalid(f"JSON Value: {show(given)} No values in 'instances' array")
    as_objects = _is_object(given[0])
    if not as_objects and len(inputs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    rows: dict[str, list[NDArray[Any]]] = {name: [] for name in inputs}
    for position, instance in enumerate(given):
        if _is_object(instance) != as_objects:
            expected, got = ("object", "list") if as_objects else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {got} at item {position} of input list")
        named = instance if as_objects else dict.fromkeys(inputs, instance)
        if named.keys() != inputs.keys():
            raise invalid(
                f"Failed to process element: {position} of 'instances' list. JSON object: "
                f"{show(instance)} must only have keys: {','.join(sorted(inputs))}"
            )
        for name, value in named.items():
            try:
                rows[name].append(_row(value, inputs[name].dtype, rows[name][:1]))
            except Refusal as refusal:
                key = f" key: {name}" if as_objects else ""
                raise invalid(
                    f"Failed to process element: {position}{key} of 'instances' list. "
                    f"Error: {refusal}"
                ) from refusal
    return {name: np.stack(arrays) for name, arrays in rows.items()}


def _row(value: Any, dtype: int, first: list[NDArray[Any]]) -> NDArray[Any]:
    array = _array(value, dtype)
    if first and first[0].size != array.size:
        raise invalid(f"Expecting tensor size: {first[0].size} but got: {array.size}")
    if first and first[0].shape != array.shape:
        raise invalid(
            f"Expecting shape {_bracketed(first[0].shape)} but got: {_bracketed(array.shape)}"
        )
    return array


def _array(value: Any, dtype: int) -> NDArray[Any]:
    shape = []
    inner = value
    while isinstance(inner, list):
        shape.append(len(inner))
        if not inner:
            break
        inner = inner[0]
    leaves: list[Any] = []
    _collect(value, 0, shape, dtype, leaves)
    array = np.empty(len(leaves), tensors.numpy_dtype(dtype))
    # Through int32, as in int_val: what a smaller dtype cannot hold wraps instead of failing.
    small = INTEGER_RANGES.get(dtype) == "int32"
    array[:] = np.array(leaves, np.int32).astype(array.dtype) if small else leaves
    return array.reshape(shape)


def _collect(value: Any, level: int, shape: list[int], dtype: int, leaves: list[Any]) -> None:
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid(
                f"JSON Value: {show(value)} found at incorrect level: {level + 1} "
                f"in the JSON DOM. Expected at level: {rank}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for inner in value:
        _collect(inner, level + 1, shape, dtype, leaves)


def _leaf(value: Any, dtype: int) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if dtype in FLOATS:
        fits = is_number
    elif dtype in INTEGER_RANGES:
        limits = np.iinfo(INTEGER_RANGES[dtype])
        fits = is_number and isinstance(value, int) and limits.min <= value <= limits.max
    elif dtype == types_pb2.DT_BOOL:
        fits = isinstance(value, bool)
    elif dtype == types_pb2.DT_STRING:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, dict):
            return from_base64(value)
        fits = False
    else:
        name = tensors.dtype_name(dtype)
        raise unimplemented(f"Conversion of JSON Value: {show(value)} to type: {name}")
    if not fits:
        raise invalid(
            f"JSON Value: {show(value)} Type: {type_name(value)} "
            f"is not of expected type: {tensors.dtype_name(dtype)}"
        )
    return value


def _require_batch(arrays: Mapping[str, NDArray[Any]]) -> None:
    size = 0
    for name, array in arrays.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if array.shape[0] < 1:
            raise invalid(f"Tensor name: {name} has invalid batch size: {array.shape[0]}")
        if size and size != array.shape[0]:
            raise invalid(
                f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} "
                f"expecting: {size}"
            )
        size = array.shape[0]


def _values(name: str, array: NDArray[Any]) -> Any:
    """The array as nested lists of what JSON can write."""
    if array.dtype.hasobject:
        write = to_base64 if name.endswith(BYTES_SUFFIX) else _text
        array = np.frompyfunc(write, 1, 1)(array)
    elif array.dtype == np.float32:
        array = array.astype(str).astype(np.float64)  # 0.2, not 0.20000000298
    return array.tolist() if isinstance(array, np.ndarray) else array


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _bracketed(shape: Iterable[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)
