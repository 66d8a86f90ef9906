"""Arrays on the wire: TensorFlow's tensor message to numpy and back, without TensorFlow."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from serving.errors import ModelMisbehaved
from serving.proto.model_server_pb2 import Tensor, TensorShape

# tensorflow/core/framework/types.proto
INT32 = 3
UINT8 = 4
STRING = 7

Number = TypeVar("Number", bound=np.generic)


def from_uint8(array: NDArray[np.uint8]) -> Tensor:
    """The message for a uint8 array of any shape."""
    shape = TensorShape(dim=[TensorShape.Dim(size=side) for side in array.shape])
    return Tensor(dtype=UINT8, tensor_shape=shape, tensor_content=array.tobytes())


def to_uint8(name: str, tensor: Tensor) -> NDArray[np.uint8]:
    """The uint8 array in a message, read-only where it came as ``tensor_content``.

    Raises:
        ModelMisbehaved: another dtype, or more or fewer values than the shape says.
    """
    _require_dtype(name, tensor, UINT8)
    content = tensor.tensor_content
    values = np.frombuffer(content, np.uint8) if content else np.array(tensor.int_val, np.uint8)
    return _in_shape(name, values, tensor)


def to_int32(name: str, tensor: Tensor) -> NDArray[np.int32]:
    """The int32 array in a message, read-only where it came as ``tensor_content``.

    Raises:
        ModelMisbehaved: another dtype, or more or fewer values than the shape says.
    """
    _require_dtype(name, tensor, INT32)
    content = tensor.tensor_content
    values = np.frombuffer(content, np.int32) if content else np.array(tensor.int_val, np.int32)
    return _in_shape(name, values, tensor)


def to_strings(name: str, tensor: Tensor) -> list[bytes]:
    """The strings in a message, flat, in row-major order.

    Raises:
        ModelMisbehaved: another dtype, or more or fewer values than the shape says.
    """
    _require_dtype(name, tensor, STRING)
    count = math.prod(_shape(tensor))
    content = tensor.tensor_content
    strings = unpack_strings(content, count) if content else list(tensor.string_val)
    if len(strings) != count:
        raise ModelMisbehaved(f"`{name}` carries {len(strings)} strings, its shape says {count}")
    return strings


def pack_strings(strings: list[bytes]) -> bytes:
    """Strings as ``tensor_content``: every length as a varint, then every string.

    Source: ``EncodeStringList`` in tensorflow/tsl/platform/tensor_coding.cc.
    """
    return b"".join(map(varint, map(len, strings))) + b"".join(strings)


def unpack_strings(content: bytes, count: int) -> list[bytes]:
    """The inverse of `pack_strings`; what is missing at the end is left out."""
    lengths: list[int] = []
    length = shift = position = 0
    while len(lengths) < count and position < len(content):
        byte = content[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            lengths.append(length)
            length = shift = 0
    strings = []
    for length in lengths:
        if position + length > len(content):
            break
        strings.append(content[position : position + length])
        position += length
    return strings


def varint(number: int) -> bytes:
    """Seven bits a byte, least significant first, the high bit set on all but the last."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _require_dtype(name: str, tensor: Tensor, dtype: int) -> None:
    if tensor.dtype != dtype:
        raise ModelMisbehaved(f"`{name}` has TensorFlow's dtype {tensor.dtype}, expected {dtype}")


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(dim.size for dim in tensor.tensor_shape.dim)


def _in_shape(name: str, values: NDArray[Number], tensor: Tensor) -> NDArray[Number]:
    shape = _shape(tensor)
    if values.size != math.prod(shape):
        raise ModelMisbehaved(f"`{name}` carries {values.size} values for the shape {shape}")
    return values.reshape(shape)
