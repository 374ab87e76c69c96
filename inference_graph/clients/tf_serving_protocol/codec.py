"""numpy arrays <-> TensorProto: raw `tensor_content` and every `*_val` field, shared by the client and our model server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType, TensorProto

Array = NDArray[Any]

# A few bytes can name a shape of any size (one value fills it), so a size is refused before anything is allocated for it.
MAX_BYTES = 2**31


class InvalidTensor(ValueError):
    """A TensorProto that describes no array, or an array that no TensorProto describes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one dtype travels: its name in numpy (or ml_dtypes), the field for its values, whether raw content is allowed."""

    number: DataType
    name: str
    field: str
    raw: bool = True

    @property
    def dtype(self) -> np.dtype[Any]:
        """Little-endian, as on the wire."""
        return _dtype(self.name)


STRING = Kind(DataType.DT_STRING, "string", "string_val", raw=False)
_KINDS = (
    Kind(DataType.DT_FLOAT, "float32", "float_val"),
    Kind(DataType.DT_DOUBLE, "float64", "double_val"),
    Kind(DataType.DT_INT32, "int32", "int_val"),
    Kind(DataType.DT_UINT8, "uint8", "int_val"),
    Kind(DataType.DT_INT16, "int16", "int_val"),
    Kind(DataType.DT_INT8, "int8", "int_val"),
    Kind(DataType.DT_UINT16, "uint16", "int_val"),
    Kind(DataType.DT_INT64, "int64", "int64_val"),
    Kind(DataType.DT_UINT32, "uint32", "uint32_val"),
    Kind(DataType.DT_UINT64, "uint64", "uint64_val"),
    Kind(DataType.DT_BOOL, "bool", "bool_val"),
    Kind(DataType.DT_COMPLEX64, "complex64", "scomplex_val"),
    Kind(DataType.DT_COMPLEX128, "complex128", "dcomplex_val"),
    Kind(DataType.DT_HALF, "float16", "half_val"),
    Kind(DataType.DT_BFLOAT16, "bfloat16", "half_val"),
    Kind(DataType.DT_FLOAT8_E5M2, "float8_e5m2", "float8_val"),
    Kind(DataType.DT_FLOAT8_E4M3FN, "float8_e4m3fn", "float8_val"),
    Kind(DataType.DT_INT4, "int4", "int_val", raw=False),
    Kind(DataType.DT_UINT4, "uint4", "int_val", raw=False),
    STRING,
)
_OUTSIDE_NUMPY = {"bfloat16", "float8_e5m2", "float8_e4m3fn", "int4", "uint4"}
_BY_NAME = {kind.name: kind for kind in _KINDS}
_BY_DTYPE = {np.dtype(name): _BY_NAME[name] for name in ("float32", "int64", "int32")}
"""The usual ones: a dtype's name is made anew each time that it is asked for."""
_BY_NUMBER: dict[int, Kind] = {kind.number: kind for kind in _KINDS}


def kind_of(number: int) -> Kind:
    """Raises InvalidTensor for a DataType that does not travel as an array (quantized types, resources, variants)."""
    if number not in _BY_NUMBER:
        name = DataType.Name(number) if number in DataType.values() else str(number)
        raise InvalidTensor(f"a tensor of type {name}; expected one of {', '.join(sorted(_BY_NAME))}")
    return _BY_NUMBER[number]


def kind_of_array(array: Array) -> Kind:
    """Raises InvalidTensor for a dtype that no TensorProto has."""
    kind = _BY_DTYPE.get(array.dtype) or (STRING if array.dtype.kind in "SUO" else _BY_NAME.get(array.dtype.name))
    if kind is None:
        raise InvalidTensor(f"an array of dtype {array.dtype}; expected one of {', '.join(sorted(_BY_NAME))}")
    return kind


def encode(array: Array, raw: bool = True) -> TensorProto:
    """The array as a message; numbers as `tensor_content` where `raw`, else value by value as TF Serving replies."""
    tensor = TensorProto()
    write(tensor, array, raw)
    return tensor


def write(tensor: TensorProto, array: Array, raw: bool = True) -> None:
    """The same into an empty message, such as a field of another one: protobuf copies what is assigned."""
    kind = kind_of_array(array)
    tensor.dtype = kind.number
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.ndim == 0:
        tensor.tensor_shape.SetInParent()
    if kind is STRING:
        tensor.string_val.extend(_texts(array))
    elif raw and kind.raw:
        tensor.tensor_content = array.astype(kind.dtype, copy=False).tobytes()
    elif kind.field == "float8_val":
        tensor.float8_val = array.tobytes()
    else:
        getattr(tensor, kind.field).extend(_values(array, kind).tolist())


def decode(tensor: TensorProto) -> Array:
    """The message as a read-only array, without a copy of `tensor_content`; strings as an object array of bytes."""
    kind = kind_of(tensor.dtype)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise InvalidTensor("a tensor without a full shape")
    count = math.prod(shape)
    dtype = np.dtype(object) if kind is STRING else kind.dtype
    if count * dtype.itemsize > MAX_BYTES:
        raise InvalidTensor(f"a tensor of shape {shape} and type {kind.name}; expected at most {MAX_BYTES} bytes")
    if kind is STRING:
        return _filled(_objects(tensor.string_val), count, shape)
    if not tensor.tensor_content:
        return _filled(_listed(tensor, kind, dtype), count, shape)
    if not kind.raw or len(tensor.tensor_content) != count * dtype.itemsize:
        came = len(tensor.tensor_content)
        raise InvalidTensor(f"tensor_content of {came} bytes for {kind.name} of shape {shape}, expected {count * dtype.itemsize}")
    return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)


def _filled(values: Array, count: int, shape: tuple[int, ...]) -> Array:
    """TensorFlow's rule: no value means zeros, and the last one repeats to fill the shape."""
    if len(values) > count:
        raise InvalidTensor(f"{len(values)} values for shape {shape}, expected {count} or fewer")
    if len(values) == 0:
        values = np.array([b"" if values.dtype.kind == "O" else 0]).astype(values.dtype)
    if len(values) == 1:
        values = np.broadcast_to(values, (count,))
    elif len(values) < count:
        values = np.concatenate([values, np.full(count - len(values), values[-1], values.dtype)])
    values = values.reshape(shape)
    values.flags.writeable = False
    return values


def _listed(tensor: TensorProto, kind: Kind, dtype: np.dtype[Any]) -> Array:
    if kind.field == "float8_val":
        return np.frombuffer(tensor.float8_val, dtype)
    listed = getattr(tensor, kind.field)
    if kind.field == "half_val":
        return np.fromiter(listed, np.int32, len(listed)).astype("<u2").view(dtype)
    if kind.field in ("scomplex_val", "dcomplex_val"):
        if len(listed) % 2:
            raise InvalidTensor(f"{len(listed)} entries of {kind.field}, expected pairs")
        return np.fromiter(listed, "<f4" if kind.field == "scomplex_val" else "<f8", len(listed)).view(dtype)
    if kind.field == "int_val":
        return np.fromiter(listed, np.int32, len(listed)).astype(dtype)
    return np.fromiter(listed, dtype, len(listed))


def _values(array: Array, kind: Kind) -> Array:
    flat = np.ascontiguousarray(array).ravel()
    if kind.field == "half_val":
        return flat.view(np.uint16)
    if kind.field in ("scomplex_val", "dcomplex_val"):
        return flat.view(np.float32 if kind.field == "scomplex_val" else np.float64)
    return flat.astype(np.int32) if kind.name in ("int4", "uint4") else flat


def _texts(array: Array) -> list[bytes]:
    texts = array.ravel().tolist()
    if array.dtype.kind == "S":
        return texts
    for index, text in enumerate(texts):
        if isinstance(text, str):
            texts[index] = text.encode()
        elif not isinstance(text, bytes):
            raise InvalidTensor(f"an array of objects with a {type(text).__name__} in it; expected str or bytes")
    return texts


def _objects(texts: Sequence[bytes]) -> Array:
    made = np.empty(len(texts), object)
    made[:] = list(texts)
    return made


@cache
def _dtype(name: str) -> np.dtype[Any]:
    return _outside_numpy(name) if name in _OUTSIDE_NUMPY else np.dtype(name).newbyteorder("<")


def _outside_numpy(name: str) -> np.dtype[Any]:
    try:
        # Comes with TensorFlow; a client of ordinary types does without.
        import ml_dtypes
    except ImportError as error:
        raise InvalidTensor(f"a tensor of type {name} needs the package ml_dtypes, which is not installed") from error
    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return dtype
