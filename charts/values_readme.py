"""Prints charts/recommender/README.md: what to do, and every value with its default and what values.yaml says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent / "recommender"
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z0-9]+):(?P<value>.*)$")


def rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Path, what it means, default: of every key that is a value, or that is described."""
    values, meant = yaml.safe_load(text), ""
    path: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            meant = line.split("-- ", 1)[1] if "-- " in line else ""
            continue
        found = KEY.match(line)
        if found is None:
            continue
        path = [*path[: len(found["indent"]) // 2], found["key"]]
        if found["value"].strip():
            yield ".".join(path), meant, json.dumps(at(values, path))
        elif meant:
            yield ".".join(path), meant, ""
        meant = ""


def at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def document() -> str:
    lines = (CHART.parent / "readme_head.md").read_text().rstrip().splitlines()
    lines += ["", "| Value | Meaning | Default |", "|---|---|---|"]
    for path, meant, default in rows((CHART / "values.yaml").read_text()):
        lines.append(f"| `{path}` | {meant.replace('|', chr(92) + '|')} | {f'`{default}`' if default else ''} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(document())
