"""JSON values as tensors, and tensors as JSON: TF Serving's rules and texts for each value."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import numpy as np
import orjson

from inference_graph.clients.tf_serving_protocol.codec import Array, kind_of
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType
from model_server.predicting import type_name
from model_server.refusal import Refused, invalid

Json = Any

_LONGEST_ECHO = 256
_INT32 = (-(2**31), 2**31 - 1)
# TF Serving reads these four as int32 and lets the tensor cut them to size.
_RANGES: dict[int, tuple[int, int]] = {
    DataType.DT_INT32: _INT32,
    DataType.DT_INT16: _INT32,
    DataType.DT_INT8: _INT32,
    DataType.DT_UINT8: _INT32,
    DataType.DT_INT64: (-(2**63), 2**63 - 1),
    DataType.DT_UINT32: (0, 2**32 - 1),
    DataType.DT_UINT64: (0, 2**64 - 1),
}
_FLOATS = (DataType.DT_FLOAT, DataType.DT_DOUBLE)
_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def leaves(value: Json, dtype: int) -> tuple[tuple[int, ...], list[Any]]:
    """The shape of a nested list and its values in row order, each checked against the type; raises Refused."""
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    flat: list[Any] = []
    _collect(value, 0, tuple(shape), dtype, flat)
    return tuple(shape), flat


def to_array(flat: list[Any], shape: tuple[int, ...], dtype: int) -> Array:
    if dtype == DataType.DT_STRING:
        made = np.empty(len(flat), object)
        made[:] = flat
        return made.reshape(shape)
    wide = np.int32 if _RANGES.get(dtype) is _INT32 else kind_of(dtype).dtype
    with np.errstate(over="ignore"):
        return np.array(flat, wide).astype(kind_of(dtype).dtype).reshape(shape)


def is_base64(value: Json) -> bool:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def echo(value: Json) -> str:
    """A value as TF Serving quotes it in an error."""
    return _pretty(value, 0)[:_LONGEST_ECHO]


def from_array(array: Array, as_bytes: bool) -> Json:
    """For orjson: floats keep their own shortest form, what JSON has no number for is written as TF Serving does."""
    if array.dtype.kind == "O":
        return _nested(array.tolist(), as_bytes)
    if array.dtype.kind not in "fiub" or (array.dtype.itemsize < 4 and array.dtype.kind == "f") or array.dtype == np.uint16:
        raise invalid(f"Failed to write JSON value for tensor type: {_named(array)}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return orjson.Fragment(json.dumps(array.astype(str).astype(float).tolist()))
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _collect(value: Json, level: int, shape: tuple[int, ...], dtype: int, flat: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            where = f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {len(shape)}"
            raise invalid(f"JSON Value: {echo(value)} {where}")
        flat.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}")
    if level == len(shape) - 1 and dtype in _FLOATS and set(map(type, value)) <= {float, int}:
        flat.extend(value)
        return
    for inner in value:
        _collect(inner, level + 1, shape, dtype, flat)


def _leaf(value: Json, dtype: int) -> Any:
    if isinstance(value, dict) and dtype == DataType.DT_STRING:
        return _decoded(value)
    bounds = _RANGES.get(dtype)
    if isinstance(value, dict):
        fits = False
    elif bounds is not None:
        fits = type(value) is int and bounds[0] <= value <= bounds[1]
    elif dtype in _FLOATS:
        fits = type(value) in (int, float)
    elif dtype == DataType.DT_BOOL:
        fits = type(value) is bool
    elif dtype == DataType.DT_STRING:
        fits = type(value) is str
    else:
        raise Refused(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {echo(value)} to type: {type_name(dtype)}")
    if not fits:
        kind = str(value) if isinstance(value, bool) else _TYPES[type(value)]
        raise invalid(f"JSON Value: {echo(value)} Type: {kind} is not of expected type: {type_name(dtype)}")
    return value.encode("utf-8", "surrogateescape") if dtype == DataType.DT_STRING else value


def _decoded(value: dict[str, Json]) -> bytes:
    if not is_base64(value):
        raise invalid(f"JSON Value: {echo(value)} not formatted correctly for base64 data")
    text = value["b64"]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _nested(value: Any, as_bytes: bool) -> Json:
    if isinstance(value, list):
        return [_nested(inner, as_bytes) for inner in value]
    if as_bytes:
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        # TF Serving writes the bytes as they are, which no JSON parser accepts.
        return value.decode(errors="replace")


def _named(array: Array) -> str:
    return "half" if array.dtype.name == "float16" else array.dtype.name


def _pretty(value: Json, depth: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_pretty(inner, depth) for inner in value) + "]"
    if isinstance(value, dict) and value:
        pad = "\n" + "    " * (depth + 1)
        members = (f"{json.dumps(name, ensure_ascii=False)}: {_pretty(inner, depth + 1)}" for name, inner in value.items())
        return "{" + pad + ("," + pad).join(members) + "\n" + "    " * depth + "}"
    return json.dumps(value, ensure_ascii=False)
