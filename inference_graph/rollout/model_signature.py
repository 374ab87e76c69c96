"""What a model takes and gives, from TF Serving's metadata or from the card beside a SavedModel, and where two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inference_graph.errors import DependencyBadResponse

SERVED = "serving_default"
# TF Serving's names of types are numpy's in capitals, but for these.
DTYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16"}
Tensor = tuple[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """Per tensor its type and shape, None for any size."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def of_metadata(reply: Mapping[str, Any]) -> ModelSignature:
    """Of the body of `GET /v1/models/NAME/metadata`. Raises DependencyBadResponse."""
    try:
        found = reply["metadata"]["signature_def"]["signature_def"][SERVED]
        return ModelSignature(
            {name: _tensor(info) for name, info in found["inputs"].items()},
            {name: _tensor(info) for name, info in found["outputs"].items()},
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DependencyBadResponse(f"the model's metadata has no signature {SERVED!r} ({error!r})") from error


def of_card(card: Mapping[str, Any]) -> ModelSignature:
    """Of card.json. Raises DependencyBadResponse."""
    try:
        sides = {
            side: {n: (str(t["dtype"]), tuple(t["shape"])) for n, t in card["signature"][side].items()} for side in ("inputs", "outputs")
        }
    except (LookupError, TypeError, AttributeError) as error:
        raise DependencyBadResponse(f"card.json has no signature ({error!r})") from error
    return ModelSignature(**sides)


def differences(live: ModelSignature, candidate: ModelSignature) -> Iterator[str]:
    for side, one, other in (("input", live.inputs, candidate.inputs), ("output", live.outputs, candidate.outputs)):
        for name in sorted(one.keys() | other.keys()):
            if name not in other:
                yield f"the candidate has no {side} {name!r}"
            elif name not in one:
                yield f"the candidate has one more {side}, {name!r}"
            elif one[name] != other[name]:
                yield f"{side} {name!r} is {in_words(other[name])}, live {in_words(one[name])}"


def smallest_inputs(signature: ModelSignature) -> dict[str, Any]:
    """One row of nothing for a REST Predict: zeros and empty strings, every open size 1."""
    return {
        name: _filled("" if dtype == "string" else 0, [size or 1 for size in shape]) for name, (dtype, shape) in signature.inputs.items()
    }


def in_words(tensor: Tensor) -> str:
    return f"{tensor[0]}[{', '.join('any' if size is None else str(size) for size in tensor[1])}]"


def _tensor(info: Mapping[str, Any]) -> Tensor:
    dtype = str(info["dtype"])
    sizes = [int(dim["size"]) for dim in info["tensor_shape"].get("dim", [])]
    return DTYPES.get(dtype, dtype.removeprefix("DT_").lower()), tuple(None if size < 0 else size for size in sizes)


def _filled(value: object, sizes: list[int]) -> Any:
    return value if not sizes else [_filled(value, sizes[1:]) for _ in range(sizes[0])]
