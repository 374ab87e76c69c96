"""One value in a YAML file of values, with everything else in the file left as it is: comments, order, quotes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from inference_graph.errors import InvalidConfiguration


def edit_values(file: Path, key: Sequence[str], value: str) -> None:
    """Raises InvalidConfiguration where the file is not a map of values or cannot be changed in one place."""
    path = file.resolve()
    text = path.read_text()
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        draft.write_text(with_value(text, key, value, str(file)))
        draft.chmod(path.stat().st_mode)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def with_value(text: str, key: Sequence[str], value: str, name: str) -> str:
    """The text with the value at that key, which need not be there yet."""
    try:
        before = yaml.safe_load(text)
        edited = _edited(text, yaml.compose(text), list(key), json.dumps(value))
        after = yaml.safe_load(edited)
    except yaml.YAMLError as error:
        raise InvalidConfiguration(f"{name} is not YAML that can be edited: {error}") from error
    if before is not None and not isinstance(before, dict):
        raise InvalidConfiguration(f"{name}: expected a map of values, got {type(before).__name__}")
    # Aliases, merges and odd styles: better no edit than one that changes something else.
    if after != _set(before or {}, list(key), value):
        raise InvalidConfiguration(f"{name}: {'.'.join(key)} cannot be changed without changing more: edit it by hand")
    return edited


def _edited(text: str, node: yaml.Node | None, key: list[str], value: str, under: yaml.Node | None = None) -> str:
    """`under` is the key whose map the node is; None at the top."""
    if node is None:
        return f"{_ended(text)}{_nested(key, value, 0)}"
    if not isinstance(node, yaml.MappingNode):
        return text
    name, found = next(((name, below) for name, below in node.value if name.value == key[0]), (None, None))
    if found is not None and len(key) > 1:
        return _edited(text, found, key[1:], value, name)
    if found is not None:
        return text[: found.start_mark.index] + value + text[found.end_mark.index :]
    if node.flow_style:
        begin = node.start_mark.index + 1
        return f"{text[:begin]}{_flow(key, value)}{', ' if node.value else ''}{text[begin:]}"
    if under is None:
        return f"{_ended(text)}{_nested(key, value, 0)}"
    line = text.index("\n", under.end_mark.index) + 1
    return f"{text[:line]}{_nested(key, value, node.value[0][0].start_mark.column)}{text[line:]}"


def _nested(key: list[str], value: str, column: int) -> str:
    lines = [f"{' ' * (column + 2 * depth)}{name}:" for depth, name in enumerate(key)]
    return "\n".join(lines) + f" {value}\n"


def _flow(key: list[str], value: str) -> str:
    return f"{key[0]}: {value}" if len(key) == 1 else f"{key[0]}: {{{_flow(key[1:], value)}}}"


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _set(values: dict[str, Any], key: list[str], value: str) -> dict[str, Any]:
    below = values.get(key[0])
    return {**values, key[0]: value if len(key) == 1 else _set(below if isinstance(below, dict) else {}, key[1:], value)}
