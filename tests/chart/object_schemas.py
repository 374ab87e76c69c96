"""JSON schemas for kubeconform, one for each kind, closed to unknown fields, from what `fetch_schemas` copied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
# The API reads these from numbers as well, which its description does not say.
LOOSE = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}
TEMPLATE = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"


def write_schemas(sources: Path, kinds: set[tuple[str, str]], folder: Path) -> None:
    """For each (apiVersion, kind), under the name that TEMPLATE makes of it. Raises LookupError for one that is not known."""
    known = {**_built_in(sources), **_custom(sources)}
    for kind in kinds:
        group, _, version = kind[0].rpartition("/")
        # Of what has no group kubeconform takes the version for it.
        file = folder / (group or version) / f"{kind[1].lower()}_{version}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(known[kind]))


@cache
def _built_in(sources: Path) -> dict[tuple[str, str], Schema]:
    definitions = {**json.loads((sources / "swagger.json").read_text())["definitions"], **LOOSE}
    closed = {name: _closed(definition) for name, definition in definitions.items()}
    found = {}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            api_version = "/".join(filter(None, (kind["group"], kind["version"])))
            found[api_version, kind["kind"]] = {**closed[name], "definitions": _needed(name, closed)}
    return found


@cache
def _custom(sources: Path) -> dict[tuple[str, str], Schema]:
    found = {}
    for file in sorted(sources.glob("*.yaml")):
        spec = yaml.load(file.read_text(), yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = _closed(version["schema"]["openAPIV3Schema"])
    return found


def _needed(name: str, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The definitions that one refers to, directly or not."""
    found: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found[here] = definitions[here]
            waiting += list(_referred(definitions[here]))
    return found


def _referred(schema: Any) -> Iterator[str]:
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema if isinstance(schema, list) else []):
        if key == "$ref" and isinstance(value, str):
            yield value.removeprefix("#/definitions/")
        else:
            yield from _referred(value)


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not is_open:
        made["additionalProperties"] = False
    return made
