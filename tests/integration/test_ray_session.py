"""Ray for one command: on loopback, nothing left behind, nothing lost with a worker, and errors of ours as they were raised."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from rec_models.data.problems import InvalidData
from rec_models.ray_session import WorkFailed, ray_session, through_workers


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    with ray_session(2):
        yield
        started = ray_processes()
        assert started
    _, left = psutil.wait_procs(started, timeout=20)
    assert left == []


def ray_processes() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if is_alive(process)]


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # Workers come and go.
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def listens_on(process: psutil.Process) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return [connection.laddr.ip for connection in process.connections("inet") if connection.status == psutil.CONN_LISTEN]
    return []


class Fragile:
    """Writes what it does into a folder; the first that comes to number 3 is killed at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, table: pa.Table) -> pa.Table:
        (number,) = table["number"].to_pylist()
        killed = self._folder / "killed"
        if number == 3 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return pa.table({"number": [number], "square": [number**2], "pid": [os.getpid()]})


def refuse(table: pa.Table) -> pa.Table:
    raise InvalidData(f"number {table['number'].to_pylist()[0]} is wrong")


def rows(count: int) -> list[dict[str, int]]:
    return [{"number": number} for number in range(count)]


def test_what_a_killed_worker_was_at_is_done_by_another_and_nothing_twice(tmp_path: Path) -> None:
    found = list(through_workers(rows(8), partial(Fragile, tmp_path), 2))
    assert (tmp_path / "killed").exists()
    assert sorted((row["number"], row["square"]) for row in found) == [(number, number**2) for number in range(8)]


def test_an_error_of_a_worker_is_raised_as_it_was() -> None:
    with pytest.raises(WorkFailed, match="number 0 is wrong"):
        list(through_workers(rows(1), lambda: refuse, 1))


def test_an_error_of_a_worker_that_could_not_begin_is_raised_as_it_was() -> None:
    def begin() -> None:
        raise InvalidData("nothing to begin with")

    with pytest.raises(WorkFailed, match="nothing to begin with"):
        list(through_workers(rows(3), begin, 2))  # type: ignore[arg-type]


def test_ray_listens_on_loopback_only() -> None:
    addresses = [address for process in ray_processes() for address in listens_on(process)]
    assert addresses
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}
