"""Opens the Feast store of a workspace and registers what `feature_repo/` defines."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import prometheus_client  # noqa: F401  # Feast's import switches it to files that several processes share
from feast import Entity, FeatureService, FeatureStore, FeatureView, FileSource
from feast.repo_config import load_repo_config

from inference_graph.clients.feast_address import feast_connection_string
from inference_graph.errors import InvalidConfiguration
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.storage import file_exists, write_file
from inference_graph.workspace import Workspace

MODULES = ("entities", "sources", "views", "services")
NO_REDIS = "redis://127.0.0.1:6379"
WRITE_SECONDS = 30.0


def repo_folder() -> Path:
    """The checkout's `feature_repo/`, or what FEATURE_REPO names."""
    folder = Path(os.environ.get("FEATURE_REPO", str(Path(__file__).resolve().parents[2] / "feature_repo")))
    if not (folder / "feature_store.yaml").is_file():
        raise InvalidConfiguration(f"{folder} holds no feature_store.yaml: set FEATURE_REPO to the folder of the feature definitions")
    return folder


def open_store(workspace: Workspace, redis_url: str | None = None) -> FeatureStore:
    """The registered features of a workspace; without `redis_url` only for reading offline."""
    with _environment(_variables(workspace, redis_url or NO_REDIS)):
        return FeatureStore(config=load_repo_config(repo_folder(), repo_folder() / "feature_store.yaml"))


def historical(store: FeatureStore, service: str, entities: pl.DataFrame, full_names: bool = False) -> pl.DataFrame:
    """Feast's point-in-time join for rows of keys and `event_timestamp`; the order of the result is not that of the rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what ibis calls in DuckDB
        features = store.get_feature_service(service)
        job = store.get_historical_features(entities.to_pandas(), features=features, full_feature_names=full_names)
        return pl.DataFrame(job.to_arrow())


def apply_feature_repo(workspace: Workspace, online_views: tuple[str, ...] = ()) -> None:
    """Registers the definitions in the workspace's registry, whole or not at all; fast where nothing changed.

    The offline files must exist: the attributes' columns are read from them. `online_views` are views that go to the
    online store besides `user_statistics`.
    """
    published, registry = workspace.registry, local_registry(workspace)
    variables = _variables(workspace, NO_REDIS) | {"FEATURE_ONLINE_VIEWS": ",".join(sorted(online_views))}
    with _environment(variables), _imported(repo_folder()) as definitions:
        schema = [f"{view.name}:{view.online}:{field}" for view in definitions if isinstance(view, FeatureView) for field in view.schema]
        files = [repo_folder() / "feature_store.yaml", *(repo_folder() / f"{name}.py" for name in MODULES)]
        inputs = {"definitions": digest(*files, *schema, *variables.values(), published)}
        far = "://" in published
        if is_done(workspace, "feast_apply", inputs, [registry]) and (not far or file_exists(published)):
            return
        draft = registry.with_suffix(f".{os.getpid()}")
        try:
            if registry.exists():
                shutil.copyfile(registry, draft)
            with _environment({"FEATURE_REGISTRY": str(draft)}):
                FeatureStore(config=load_repo_config(repo_folder(), repo_folder() / "feature_store.yaml")).apply(definitions)
            os.replace(draft, registry)
            if far:
                write_file(published, registry.read_bytes())
        finally:
            draft.unlink(missing_ok=True)
        mark_done(workspace, "feast_apply", inputs)


def local_registry(workspace: Workspace) -> Path:
    """Feast's registry where it is written; one on s3:// is a copy of this file."""
    return workspace.root / "registry.db" if "://" in workspace.registry else Path(workspace.registry)


def _variables(workspace: Workspace, redis_url: str) -> dict[str, str]:
    return {
        "FEATURE_PROJECT": workspace.feature_project,
        "FEATURE_REGISTRY": str(local_registry(workspace)),
        "FEATURE_OFFLINE_TYPE": "file" if "://" in workspace.offline else "duckdb",
        "FEATURE_REDIS": feast_connection_string(redis_url, WRITE_SECONDS),
        "OFFLINE_STORE": workspace.offline,
    }


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _imported(folder: Path) -> Iterator[list[Any]]:
    """The Feast objects of the definition files, read anew as Feast itself does: as top-level modules of their folder."""
    sys.path.insert(0, str(folder))
    hidden = {name: sys.modules.pop(name) for name in MODULES if name in sys.modules}
    try:
        found = [value for name in MODULES for value in vars(importlib.import_module(name)).values()]
        kinds = (Entity, FileSource, FeatureView, FeatureService)
        yield list({id(value): value for value in found if isinstance(value, kinds)}.values())
    finally:
        sys.path.remove(str(folder))
        for name in MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)
