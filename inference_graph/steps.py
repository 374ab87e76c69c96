"""Which steps of a workspace are up to date: a step is done when it ended with the same inputs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from inference_graph.workspace import Workspace


def digest(*parts: str | bytes | Path) -> str:
    """One hash over texts and the contents of files; a missing file counts as empty."""
    total = hashlib.sha256()
    for part in parts:
        content = (part.read_bytes() if part.exists() else b"") if isinstance(part, Path) else part
        total.update(hashlib.sha256(content.encode() if isinstance(content, str) else content).digest())
    return total.hexdigest()[:16]


def is_done(workspace: Workspace, step: str, inputs: Mapping[str, str], outputs: Iterable[Path] = ()) -> bool:
    """True where the step ended with these inputs and every output still exists."""
    try:
        return bool(json.loads(_stamp(workspace, step).read_text()) == dict(inputs)) and all(path.exists() for path in outputs)
    except (OSError, ValueError):
        return False


def mark_done(workspace: Workspace, step: str, inputs: Mapping[str, str]) -> None:
    stamp = _stamp(workspace, step)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    draft = stamp.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(dict(inputs), indent=1))
    os.replace(draft, stamp)


def _stamp(workspace: Workspace, step: str) -> Path:
    return workspace.root / "steps" / f"{step}.json"
