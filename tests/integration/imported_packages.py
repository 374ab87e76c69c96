"""What code needs of other people's packages: found by reading its imports, those inside of functions too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOTS = {"inference_graph": Path("."), "rec_models": Path("models"), "model_server": Path("models")}


def foreign_imports(modules: set[str]) -> set[str]:
    """What these modules of ours import of others, and every module of ours that they import in turn.

    Left out is what the code itself can do without: imports below `try` with `except ImportError`.
    """
    seen: set[str] = set()
    waiting, foreign = list(modules), set[str]()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in _imports(module):
            top = name.partition(".")[0]
            if top in ROOTS:
                waiting += _parents(name)
            elif top not in sys.stdlib_module_names:
                foreign.add(name)
    return foreign


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1) if _file(".".join(parts[:end]))]


def _imports(module: str) -> Iterator[str]:
    file = _file(module)
    assert file is not None, f"there is no module {module}"
    tree = ast.parse(file.read_text())
    optional = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) and _forgiving(node) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if node in optional:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _forgiving(node: ast.Try) -> bool:
    caught = {ast.unparse(handler.type) for handler in node.handlers if handler.type}
    return bool(caught & {"ImportError", "ModuleNotFoundError"})


def _file(module: str) -> Path | None:
    path = ROOTS[module.partition(".")[0]] / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
