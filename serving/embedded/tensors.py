"""TensorProto to numpy and back, quickly: ``tf.make_ndarray`` needs 5 ms for a 256-pixel tile."""

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

from serving.tensors import pack_strings, unpack_strings, varint

TYPED_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT8: "int_val",
    types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT32: "int_val",
    types_pb2.DT_UINT8: "int_val",
    types_pb2.DT_UINT16: "int_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
}
"""Where the official server puts values, by dtype (tensor.cc, ``ProtoHelper``)."""

FLOAT_VAL_TAG = b"\x2a"
"""Field 5, length-delimited: packed floats can be merged as they lie in memory."""


class MalformedTensor(ValueError):
    """The bytes do not fit the shape, or the message makes no sense."""


def decode(tensor: TensorProto) -> NDArray[Any]:
    """The array in a message; strings as an object array of bytes.

    As in TensorFlow, ``tensor_content`` must fit exactly, while typed values are cut, or the last
    of them repeated, to fill the shape.

    Raises:
        MalformedTensor: there is no such array.
    """
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(side < 0 for side in shape):
        raise MalformedTensor(f"no tensor has shape {shape}")
    count = math.prod(shape)
    if tensor.tensor_content:
        return _from_content(tensor, count).reshape(shape)
    field = TYPED_FIELDS.get(tensor.dtype)
    if field is None:
        return _slowly(tensor)
    dtype = numpy_dtype(tensor.dtype)
    values = _values(getattr(tensor, field), dtype)[:count]
    if values.size == count:
        return values.reshape(shape)
    filler = values[-1] if values.size else (b"" if dtype.hasobject else dtype.type())
    filled = np.full(count, filler, dtype)
    filled[: values.size] = values
    return filled.reshape(shape)


def encode(array: NDArray[Any], *, as_content: bool) -> TensorProto:
    """The message for an array.

    Args:
        array: any shape; object arrays hold bytes.
        as_content: write ``tensor_content`` instead of the dtype's own field.
    """
    if array.dtype.hasobject:
        return _encode_strings(array, as_content=as_content)
    dtype = tf.as_dtype(array.dtype).as_datatype_enum
    message = TensorProto(dtype=dtype, tensor_shape=_shape(array))
    field = TYPED_FIELDS.get(dtype)
    if as_content or field is None:
        message.tensor_content = array.tobytes()
    elif dtype == types_pb2.DT_FLOAT:
        packed = array.tobytes()
        message.MergeFromString(FLOAT_VAL_TAG + varint(len(packed)) + packed)
    else:
        getattr(message, field).extend(array.ravel().tolist())
    return message


def numpy_dtype(dtype: int) -> np.dtype[Any]:
    """numpy's counterpart of a DataType.

    Raises:
        MalformedTensor: it has none.
    """
    try:
        counterpart: np.dtype[Any] = np.dtype(tf.as_dtype(dtype).as_numpy_dtype)
    except (TypeError, KeyError) as error:
        raise MalformedTensor(f"no DataType {dtype}") from error
    return counterpart


def dtype_name(dtype: int) -> str:
    """How TensorFlow's messages call a DataType: ``float``, ``uint8``, …"""
    name: str = types_pb2.DataType.Name(dtype)
    return name.removeprefix("DT_").lower()


def _from_content(tensor: TensorProto, count: int) -> NDArray[Any]:
    dtype = numpy_dtype(tensor.dtype)
    if dtype.hasobject:
        strings = unpack_strings(tensor.tensor_content, count)
        if len(strings) != count:
            raise MalformedTensor(f"{len(strings)} strings for {count}")
        return _objects(strings)
    if len(tensor.tensor_content) != count * dtype.itemsize:
        raise MalformedTensor(f"{len(tensor.tensor_content)} bytes for {count} x {dtype}")
    return np.frombuffer(tensor.tensor_content, dtype)


def _slowly(tensor: TensorProto) -> NDArray[Any]:
    try:
        array: NDArray[Any] = tf.make_ndarray(tensor)
    except (TypeError, ValueError) as error:
        raise MalformedTensor(str(error)) from error
    return array


def _values(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.hasobject:
        return _objects(list(values))
    # int_val carries int32; what does not fit a smaller dtype wraps, as it does in TensorFlow.
    return (
        np.array(values, np.int32).astype(dtype) if dtype.itemsize < 4 else np.array(values, dtype)
    )


def _encode_strings(array: NDArray[Any], *, as_content: bool) -> TensorProto:
    strings = [tf.compat.as_bytes(value) for value in array.ravel()]
    message = TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=_shape(array))
    if as_content:
        message.tensor_content = pack_strings(strings)
    else:
        message.string_val.extend(strings)
    return message


def _objects(strings: list[bytes]) -> NDArray[Any]:
    array = np.empty(len(strings), object)
    array[:] = strings
    return array


def _shape(array: NDArray[Any]) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=side) for side in array.shape])
