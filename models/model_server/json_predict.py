"""Predict as JSON: a body's rows (`instances`) or columns (`inputs`) to tensors, and outputs to `predictions` or `outputs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import SignatureDef
from model_server.json_tensors import Json, echo, from_array, is_base64, leaves, to_array
from model_server.refusal import Refused, invalid

Column = tuple[tuple[int, ...], list[Any]]


def signature_name(document: Json) -> str:
    """'' where the body names none; raises Refused."""
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {echo(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(f"JSON Value: {echo(document)} not formatted correctly. 'signature_name' key must be a string value.")
    return name


def read_inputs(document: dict[str, Json], signature: SignatureDef) -> tuple[dict[str, Array], bool]:
    """The inputs, and whether they came as rows; raises Refused."""
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {echo(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid(f"JSON Value: {echo(document)} Expecting 'instances' to be an list/array")
        if not instances:
            raise invalid(f"JSON Value: {echo(document)} No values in 'instances' array")
        return _rows(instances, signature), True
    if "inputs" in document:
        return _columns(document["inputs"], signature), False
    raise invalid("Missing 'inputs' or 'instances' key")


def render(outputs: Mapping[str, Array], rows: bool) -> bytes:
    """The reply's body; raises Refused where the outputs are no rows or have a type that JSON lacks."""
    if rows:
        return _dump({"predictions": _predictions(outputs)})
    made = {name: from_array(array, _is_bytes(name)) for name, array in outputs.items()}
    return _dump({"outputs": made if len(made) > 1 else next(iter(made.values()))})


def _predictions(outputs: Mapping[str, Array]) -> Json:
    size: int | None = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in (None, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {size}")
        size = len(array)
    if len(outputs) == 1:
        (name, array), *_ = outputs.items()
        return from_array(array, _is_bytes(name))
    columns = {name: [from_array(row, _is_bytes(name)) for row in _each_row(array)] for name, array in outputs.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _each_row(array: Array) -> list[Array]:
    return [array[index : index + 1].reshape(array.shape[1:]) for index in range(len(array))]


def _dump(document: Json) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def _is_bytes(name: str) -> bool:
    return name.endswith("_bytes")


def _rows(instances: list[Json], signature: SignatureDef) -> dict[str, Array]:
    types = {name: info.dtype for name, info in signature.inputs.items()}
    if not isinstance(instances[0], dict) and len(types) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
        )
    named = isinstance(instances[0], dict) and not is_base64(instances[0])
    columns: dict[str, Column] = {}
    for index, instance in enumerate(instances):
        if (isinstance(instance, dict) and not is_base64(instance)) != named:
            came = "object but got list" if named else "value/list but got object"
            raise invalid(f"Expecting {came} at item {index} of input list")
        if not named:
            _add(columns, next(iter(types)), instance, types, f"Failed to process element: {index} of 'instances' list.")
            continue
        for name, value in instance.items():
            _add(columns, name, value, types, f"Failed to process element: {index} key: {name} of 'instances' list.")
        if instance.keys() != types.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. "
                f"JSON object: {echo(instance)} keys must be equal to: {','.join(sorted(types))}"
            )
    return {name: to_array(flat, (len(instances), *shape), types[name]) for name, (shape, flat) in columns.items()}


def _add(columns: dict[str, Column], name: str, value: Json, types: Mapping[str, int], where: str) -> None:
    try:
        if name not in types:
            raise invalid(f"JSON object: does not have named input: {name}")
        shape, flat = leaves(value, types[name])
        first, all_of_them = columns.setdefault(name, (shape, []))
        if shape != first:
            raise _different(first, shape)
    except Refused as refusal:
        raise invalid(f"{where} Error: {refusal}") from refusal
    all_of_them.extend(flat)


def _different(first: tuple[int, ...], came: tuple[int, ...]) -> Refused:
    sizes = [_product(first), _product(came)]
    if sizes[0] != sizes[1]:
        return invalid(f"Expecting tensor size: {sizes[0]} but got: {sizes[1]}")
    return invalid(f"Expecting shape {_shape(first)} but got: {_shape(came)}")


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _shape(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _columns(inputs: Json, signature: SignatureDef) -> dict[str, Array]:
    types = {name: info.dtype for name, info in signature.inputs.items()}
    if not isinstance(inputs, dict) or is_base64(inputs):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
            )
        inputs = {next(iter(types)): inputs}
    arrays = {}
    for name, dtype in types.items():
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        shape, flat = leaves(inputs[name], dtype)
        arrays[name] = to_array(flat, shape, dtype)
    return arrays
