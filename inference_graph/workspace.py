"""Where everything that running makes is kept: one folder per data set, and which one is in use."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from inference_graph.errors import InvalidConfiguration
from inference_graph.redis_address import full_address

SYNTHETIC = "synthetic"


def home() -> Path:
    """The folder of all workspaces: `.run` here, or what INFERENCE_GRAPH_HOME names."""
    return Path(os.environ.get("INFERENCE_GRAPH_HOME", ".run")).resolve()


@dataclass(frozen=True)
class Workspace:
    root: Path

    @classmethod
    def of(cls, folder: Path | None) -> Workspace:
        """The workspace of a data folder; of the built-in data set where None."""
        if folder is None:
            return cls(home() / "workspaces" / SYNTHETIC)
        digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
        return cls(home() / "workspaces" / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', folder.resolve().name)}-{digest}")

    @classmethod
    def current(cls) -> Workspace:
        """The workspace in use. Raises InvalidConfiguration where none was prepared."""
        link = home() / "current"
        if not link.exists():
            raise InvalidConfiguration(f"no data set is prepared in {home()}: run `inference-graph data prepare FOLDER` first")
        return cls(link.resolve())

    def select(self) -> None:
        """Makes this the workspace in use."""
        self.root.mkdir(parents=True, exist_ok=True)
        draft = home() / f".current-{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(self.root.relative_to(home()), target_is_directory=True)
        os.replace(draft, home() / "current")

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def offline(self) -> str:
        """Feast's offline files: a folder, or what OFFLINE_STORE names (s3://bucket/prefix)."""
        return os.environ.get("OFFLINE_STORE", str(self.root / "offline"))

    @property
    def registry(self) -> str:
        return os.environ.get("FEATURE_REGISTRY", str(self.root / "registry.db"))

    @property
    def feature_project(self) -> str:
        return os.environ.get("FEATURE_PROJECT", re.sub(r"[^A-Za-z0-9]", "_", self.name))

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def snapshots(self) -> str:
        return os.environ.get("SNAPSHOT_STORE", str(self.root / "snapshots"))

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def redis_folder(self) -> Path:
        return self.root / "redis"

    @property
    def graph(self) -> Path:
        return self.root / "graph.yaml"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def redis_prefix(self) -> str:
        """The first part of every key in Redis, in braces there: one hash slot per data set."""
        return os.environ.get("REDIS_PREFIX", self.name)


def redis_url() -> str:
    """The Redis to use: REDIS_URL (with REDIS_USERNAME, REDIS_PASSWORD, REDIS_CA), or the one that `up` runs.

    Raises InvalidConfiguration where there is neither.
    """
    if url := os.environ.get("REDIS_URL"):
        return full_address(url, os.environ)
    try:
        port = json.loads((home() / "up.json").read_text())["processes"]["redis"]["port"]
    except (OSError, KeyError, ValueError) as error:
        raise InvalidConfiguration("no Redis: start one with `inference-graph up`, or set REDIS_URL=redis://host:port") from error
    return f"redis://127.0.0.1:{port}"
