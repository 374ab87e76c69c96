"""The versions of one model: found on disk, loaded beside the one that serves, swapped without dropping a request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, ModelConfig, ModelVersionStatus
from model_server.refusal import Refused
from model_server.saved_model import Model

logger = logging.getLogger(__name__)

State = ModelVersionStatus.State


@dataclass
class Version:
    number: int
    folder: Path
    state: State = ModelVersionStatus.START
    model: Model | None = None
    refusal: Refused | None = None
    users: int = 0
    attempts: int = 0
    retry_at: float = 0.0
    written: tuple[int, int] = (0, 0)

    def serves(self) -> bool:
        return self.state == ModelVersionStatus.AVAILABLE


@dataclass(frozen=True)
class Loading:
    """How a version folder becomes a model that is warm, and what happens when it does not."""

    load: Callable[[str, int, Path], Model]
    retries: int
    retry_seconds: float


class ModelVersions:
    """`use` from any thread; `refresh` and `unload` from one at a time."""

    def __init__(self, config: ModelConfig, loading: Loading) -> None:
        self.config = config
        self._loading = loading
        self._lock = threading.Lock()
        self._versions: dict[int, Version] = {}
        self._complaint = ""

    @contextmanager
    def use(self, number: int | None) -> Iterator[tuple[Model, int] | None]:
        """The version (None: the newest that serves), which stays loaded inside the block; None where it does not serve."""
        with self._lock:
            serving = [v for v in self._versions.values() if v.serves() and number in (None, v.number)]
            version = max(serving, key=lambda v: v.number, default=None)
            if version is not None:
                version.users += 1
        if version is None or version.model is None:
            yield None
            return
        try:
            yield version.model, version.number
        finally:
            with self._lock:
                version.users -= 1
            self._drop_if_idle(version)

    def all(self) -> list[Version]:
        """Newest first, those that ended too."""
        with self._lock:
            return sorted(self._versions.values(), key=lambda v: -v.number)

    def serving(self) -> set[int]:
        return {version.number for version in self.all() if version.serves()}

    def refresh(self) -> None:
        """Loads what the version policy asks for and only then drops what it no longer asks for; complains in the log, once."""
        found = self._found()
        if found is None:
            return
        wanted = self._wanted(set(found))
        if not wanted:
            self._complain(
                f"No versions of servable {self.config.name} found under base path {self.config.base_path}. "
                "Did you forget to name your leaf directory as a number (eg. '/1/')?"
            )
        for number in sorted(wanted):
            self._load_if_due(number, found[number])
        if not wanted or wanted & self.serving():
            for version in self.all():
                if version.serves() and version.number not in wanted:
                    self._retire(version)

    def unload(self) -> None:
        for version in self.all():
            if version.serves():
                self._retire(version)

    def _found(self) -> dict[int, Path] | None:
        base = Path(self.config.base_path)
        try:
            return {int(path.name): path for path in base.iterdir() if path.name.isascii() and path.name.isdigit() and path.is_dir()}
        except OSError as error:
            self._complain(f"Could not find base path {base} for servable {self.config.name} with error {error.strerror}")
            return None

    def _wanted(self, found: set[int]) -> set[int]:
        policy = self.config.model_version_policy
        match policy.WhichOneof("policy_choice"):
            case "all":
                return found
            case "specific":
                return found & set(policy.specific.versions)
            case _:
                return set(sorted(found)[-(policy.latest.num_versions or 1) :])

    def _load_if_due(self, number: int, folder: Path) -> None:
        about = folder.stat()
        written = (about.st_ino, about.st_mtime_ns)
        with self._lock:
            version = self._versions.setdefault(number, Version(number, folder))
            if version.state not in (ModelVersionStatus.START, ModelVersionStatus.END):
                return
            if version.written != written:
                version.attempts, version.retry_at = 0, 0.0
            spent = version.attempts > self._loading.retries
            if version.refusal is not None and version.attempts and (spent or time.monotonic() < version.retry_at):
                return
            version.state, version.folder, version.written = ModelVersionStatus.LOADING, folder, written
        self._load(version)

    def _load(self, version: Version) -> None:
        started = time.monotonic()
        loaded = self._loaded(version)
        with self._lock:
            if isinstance(loaded, Refused):
                first = version.attempts == 0
                version.state, version.refusal = ModelVersionStatus.END, loaded
                version.attempts += 1
                version.retry_at = time.monotonic() + self._loading.retry_seconds
            else:
                version.model, version.refusal, version.attempts = loaded, None, 0
                version.state = ModelVersionStatus.AVAILABLE
        name, took = self.config.name, time.monotonic() - started
        if not isinstance(loaded, Refused):
            logger.info("serving version %d of model %s, loaded and warmed up in %.1f s", version.number, name, took)
        elif first:
            text = " ".join(str(loaded).split())
            logger.error("refused version %d of model %s in %s: %s", version.number, name, version.folder, text[:500])

    def _loaded(self, version: Version) -> Model | Refused:
        try:
            return self._loading.load(self.config.name, version.number, version.folder)
        except Refused as refusal:
            return refusal
        except Exception as error:
            # A version that stayed LOADING would never be tried again.
            logger.exception("failed to load version %d of model %s", version.number, self.config.name)
            return Refused(Code.INTERNAL, f"{type(error).__name__}: {error}")

    def _retire(self, version: Version) -> None:
        with self._lock:
            version.state = ModelVersionStatus.UNLOADING
        self._drop_if_idle(version)

    def _drop_if_idle(self, version: Version) -> None:
        with self._lock:
            if version.state != ModelVersionStatus.UNLOADING or version.users:
                return
            model, version.model = version.model, None
            version.state = ModelVersionStatus.END
        if model is not None:
            model.close()
            logger.info("dropped version %d of model %s", version.number, self.config.name)

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            logger.warning("%s", text)
