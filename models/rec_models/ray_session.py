"""Ray for the length of one command: this machine's own, on loopback and gone at the end, or the cluster that RAY_ADDRESS names."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from inference_graph.errors import InferenceGraphError

FAILED = "failed"
STARTS, TOO_SLOW = 3, "timed out during startup"
Work = Callable[[pa.Table], pa.Table]
"""Makes another table of a table of one row."""

OBJECT_STORE_BYTES = 128 * 1024 * 1024
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's own, which says little even where nothing is asked for
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # with its own, what was interrupted looks as if it had ended
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # A busy machine takes longer to start a worker than Ray gives it.
    "RAY_worker_register_timeout_seconds": "180",
}
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Where Ray cannot form clusters it listens on loopback only; by default a local one listens on every interface."""


class WorkFailed(InferenceGraphError):
    """What a worker said when it could not go on."""


@contextmanager
def ray_session(cpus: int) -> Iterator[None]:
    """Ray with `cpus` of this machine for its workers; a cluster that RAY_ADDRESS names has its own."""
    address = os.environ.get("RAY_ADDRESS")
    for name, value in (SETTINGS if address else SETTINGS | ON_LOOPBACK).items():
        os.environ.setdefault(name, value)
    import ray  # reads them as it is imported

    # What Ray has to say, such as that a worker died, it prints: not among a command's results.
    with TemporaryDirectory(prefix="ray-") as folder, redirect_stdout(sys.stderr):
        local = {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES, "_temp_dir": folder}
        start(partial(ray.init, logging_level=logging.ERROR, log_to_driver=False, **({"address": address} if address else local)))
        try:
            yield
        finally:
            ray.shutdown()


def start(init: Callable[[], object]) -> None:
    """Ray gives its own processes 30 s to start, which a busy machine may exceed; the next time their files are in memory."""
    for left in reversed(range(STARTS)):
        try:
            init()
            return
        except Exception as error:  # Ray has none narrower
            if TOO_SLOW not in str(error):
                raise
            if not left:
                raise InferenceGraphError(f"Ray did not start in {STARTS} tries: this machine is too busy; try again later") from error


def through_workers(rows: Sequence[Mapping[str, Any]], make: Callable[[], Work], workers: int) -> Iterator[dict[str, Any]]:
    """The rows that work makes of each row, as they come; Ray must be running. `make` is called once in each worker.

    What a worker that dies was at is given to another. Raises WorkFailed for what a worker raised on purpose.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own settings
        import ray.data

        ray.data.DataContext.get_current()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    done = ray.data.from_items(list(rows), override_num_blocks=max(1, len(rows))).map_batches(
        _Worker,
        fn_constructor_args=(make,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=max(1, min(workers, len(rows)))),
    )
    for row in done.iter_rows():
        if FAILED in row:
            raise WorkFailed(row[FAILED])
        yield row


class _Worker:
    """Ray hands over an exception's text only: what was raised on purpose comes back as a row instead."""

    def __init__(self, make: Callable[[], Work]) -> None:
        self._failed: str | None = None
        try:
            self._work = make()
        except InferenceGraphError as error:
            self._failed = str(error)

    def __call__(self, table: pa.Table) -> pa.Table:
        try:
            return self._work(table) if self._failed is None else pa.table({FAILED: [self._failed]})
        except InferenceGraphError as error:
            return pa.table({FAILED: [str(error)]})
