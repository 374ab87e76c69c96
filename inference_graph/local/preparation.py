"""What must be there before anything serves, and whether it is there already: a run that changes nothing starts no step."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import default_graph
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.workspace import Workspace

STAMP = "up"
ENVIRONMENT = ("OFFLINE_STORE", "FEATURE_REPO", "SNAPSHOT_STORE", "FEATURE_REGISTRY", "FEATURE_PROJECT", "REDIS_PREFIX")
OLD_DATA_DAYS = 7


def is_prepared(workspace: Workspace, data: Path | None, redis_url: str | None) -> bool:
    """True where every step ended after the last change of data, code, settings and steps."""
    outputs = [workspace.graph, workspace.data, *(workspace.models / name for name in ("retrieval", "ranking"))]
    return is_done(workspace, STAMP, _inputs(workspace, data, redis_url), outputs)


def mark_prepared(workspace: Workspace, data: Path | None, redis_url: str | None) -> None:
    mark_done(workspace, STAMP, _inputs(workspace, data, redis_url))


def require_data(data: Path | None) -> None:
    """Raises InvalidConfiguration where the data folder is not there."""
    if data is not None and not data.is_dir():
        what = "is not a folder" if data.exists() else "does not exist"
        raise InvalidConfiguration(f"DATA={data} {what}: name a folder with the files of a data set, or leave DATA out")


def write_graph(workspace: Workspace) -> None:
    """The default graph.yaml for this data set, unless somebody has changed the one that is there."""
    written = digest(workspace.graph)
    if workspace.graph.exists() and not is_done(workspace, "graph", {"written": written}):
        return
    description = json.loads((workspace.data / "dataset.json").read_text())
    age_days = (datetime.now(UTC).timestamp() - description["newest"]) / 86_400
    clock: Literal["data", "wall"] = "data" if age_days > OLD_DATA_DAYS else "wall"
    draft = workspace.graph.with_suffix(".writing")
    draft.write_text(default_graph(description["kind"], description["seen"], clock))
    os.replace(draft, workspace.graph)
    mark_done(workspace, "graph", {"written": digest(workspace.graph)})


def _inputs(workspace: Workspace, data: Path | None, redis_url: str | None) -> dict[str, str]:
    code = [folder for package in ("rec_models", "inference_graph") if (folder := _package(package)) is not None]
    definitions = [place for folder in code for place in (folder.parent / "configs", folder.parents[1] / "feature_repo")]
    stamps = sorted(path for path in (workspace.root / "steps").glob("*.json") if path.stem not in (STAMP, "graph"))
    settings = sorted(key for key in os.environ if key in ENVIRONMENT or key.startswith("EMBEDDING"))
    return {
        "data": _listing(data) if data else "",
        "code": digest(*(_listing(folder) for folder in (*code, *definitions))),
        "steps": digest(*stamps),
        "settings": digest(*(f"{key}={os.environ[key]}" for key in settings)),
        "redis": digest(redis_url or ""),
    }


def _listing(folder: Path) -> str:
    """Names, sizes and times of change of all files in a folder: enough to see that something changed."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    stats = [(str(path.relative_to(folder)), path.stat()) for path in files]
    return digest(*(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats))


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None
