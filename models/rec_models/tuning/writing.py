"""Writes hyper-parameters into a file of models/configs, and leaves its comments as they are."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from inference_graph.errors import InvalidConfiguration
from rec_models.configuration import read_configuration
from rec_models.tuning.spaces import Changes


def write_changes(path: Path, kind: type[BaseModel], changes: Changes) -> None:
    """Replaces the values of top-level keys; whole or not at all. Raises InvalidConfiguration where the result would not be one."""
    text = path.read_text()
    for name, value in changes.items():
        text, count = re.subn(rf"^({re.escape(name)}:)[^#\n]*?(\s*#.*)?$", partial(_line, value), text, flags=re.M)
        if count != 1:
            raise InvalidConfiguration(f"{path}: expected one line '{name}: ...', got {count}")
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        draft.write_text(text)
        read_configuration(kind, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _line(value: Any, line: re.Match[str]) -> str:
    """The comment stays in its column where there is room."""
    comment = (line[2] or "").lstrip()
    column = len(line[0]) - len(comment)
    new = f"{line[1]} {json.dumps(value)}"
    return f"{new.ljust(column - 1)} {comment}".rstrip()
