"""What of a release is different on the cluster: somebody changed or removed it past Helm."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from inference_graph.errors import DependencyError
from inference_graph.rollout.cluster import Cluster, Object
from inference_graph.rollout.events import one_line

SUFFIXES = {"": "1", "n": "1e-9", "u": "1e-6", "m": "1e-3", "k": "1e3", "M": "1e6", "G": "1e9", "T": "1e12", "P": "1e15"}
BINARY = {f"{letter}i": str(2 ** (10 * power)) for power, letter in enumerate("KMGTP", 1)}
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?)([numkMGTP]|[KMGTP]i)?")
# A finished Job may be cleared away; its work is done.
PASSING = {"Job"}


def drift(cluster: Cluster, objects: list[Object]) -> Iterator[str]:
    """Compares what the release set, and only that: what the cluster adds by itself is no drift."""
    for wanted in objects:
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        namespace = wanted["metadata"].get("namespace", cluster.namespace)
        try:
            path = cluster.path_of(wanted["apiVersion"], kind, namespace, name)
            live = None if path is None else cluster.find(path)
        except DependencyError as error:
            yield f"{kind} {name}: could not be compared: {error}"
            continue
        if live is None:
            if kind not in PASSING:
                yield f"{kind} {name}: the release has it, the cluster does not"
            continue
        yield from (f"{kind} {name}: {line}" for line in _differences(_comparable(wanted), live, "", secret=kind == "Secret"))


def _comparable(wanted: Object) -> Object:
    """Without what the cluster keeps elsewhere; a Secret's text as the base64 that comes back."""
    kept = {key: value for key, value in wanted.items() if key not in ("status", "apiVersion", "stringData")}
    text = {key: base64.b64encode(str(value).encode()).decode() for key, value in (wanted.get("stringData") or {}).items()}
    return {**kept, "data": {**(kept.get("data") or {}), **text}} if text else kept


def _differences(wanted: Any, live: Any, path: str, secret: bool) -> Iterator[str]:
    if live is None and not wanted and wanted != 0:
        return  # an empty value is not stored
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in wanted.items():
            yield from _differences(value, live.get(key), f"{path}.{key}" if path else str(key), secret)
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _list_differences(wanted, live, path, secret)
    elif not _equal(wanted, live):
        yield f"{path} differs from the release" if secret else _in_words(wanted, live, path)


def _list_differences(wanted: list[Any], live: list[Any], path: str, secret: bool) -> Iterator[str]:
    if wanted and all(isinstance(entry, Mapping) and "name" in entry for entry in (*wanted, *live)):
        named = {entry["name"]: entry for entry in live}
        for entry in wanted:
            yield from _differences(entry, named.get(entry["name"]), f"{path}[{entry['name']}]", secret)
    elif len(wanted) != len(live):
        yield f"{path} has {len(live)} entries, the release says {len(wanted)}"
    else:
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]", secret)


def _equal(wanted: Any, live: Any) -> bool:
    if wanted == live or (live is None and wanted in (False, 0, "")):
        return True
    one, other = _quantity(wanted), _quantity(live)
    return one is not None and one == other


def _quantity(value: Any) -> Decimal | None:
    """Kubernetes writes an amount in its own way: 1000m comes back as 1."""
    match = QUANTITY.fullmatch(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    if match is None:
        return None
    suffix = match[2] or ""
    return Decimal(match[1]) * Decimal((SUFFIXES | BINARY)[suffix])


def _in_words(wanted: Any, live: Any, path: str) -> str:
    if isinstance(wanted, str) and "\n" in wanted:
        return f"{path} differs from the release"
    if live is None:
        return f"{path} is not there, the release says {one_line(str(wanted))}"
    return f"{path} is {one_line(str(live))}, the release says {one_line(str(wanted))}"
