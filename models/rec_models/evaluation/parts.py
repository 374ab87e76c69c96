"""Finished parts of an evaluation, kept in its run folder: an interrupted one goes on, a repeated one only reports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.steps import digest


@dataclass(frozen=True, eq=False)
class Part:
    """Arrays, and what else is to be told, as JSON has it."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any]


def kept(folder: Path, name: str, inputs: tuple[str, ...], make: Callable[[], Part]) -> Part:
    """The part that these inputs gave before, or else made now; an older one of the same name is thrown away."""
    path = folder / f"{name.replace(' ', '_').replace(',', '')}-{digest(*inputs)}.npz"
    if path.exists():
        with np.load(path) as file:
            return Part({key: file[key] for key in file.files if key != "facts"}, json.loads(str(file["facts"])))
    part = make()
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".writing-{os.getpid()}.npz"
    arrays: dict[str, Any] = {**part.arrays, "facts": np.array(json.dumps(part.facts))}
    np.savez_compressed(draft, **arrays)
    for old in folder.glob(f"{path.name.rsplit('-', 1)[0]}-{'?' * 16}.npz"):
        old.unlink()
    os.replace(draft, path)
    return part


def code(*folders: Path) -> str:
    """One hash of the Python and YAML files of these folders and files."""
    files = [path for folder in folders for path in ([folder] if folder.is_file() else sorted(folder.rglob("*.[py][ya]*")))]
    return digest(*(path for path in files if path.suffix in (".py", ".yaml")))
