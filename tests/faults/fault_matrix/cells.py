"""The cells of the matrix, and what the contract says that answers name in each."""

from __future__ import annotations

from collections.abc import Iterator

from fault_matrix.client_faults import HOUR, clients_leave, clock_off, replies_late_at_random
from fault_matrix.event_faults import disk_full, disk_full_lazily, memory_full, transformer_killed
from fault_matrix.proxy import Mode
from fault_matrix.scene import Cell
from fault_matrix.service_faults import SLOWER_SECONDS, dead_at_the_start, killed, stopped, through_proxy, wrong_shape
from fault_matrix.store_faults import (
    registry_gone,
    registry_gone_at_the_start,
    store_unreachable,
    store_unreachable_at_the_start,
    truncated_snapshot,
)

WITHOUT = {
    "redis": ("blocked", "history", "similar_to_liked", "user_features"),
    "retrieval": ("two_tower",),
    "ranking": ("ranker",),
}


def every_cell() -> list[Cell]:
    return [*_of_services(), *_of_stores(), *_of_events(), *_around()]


def _of_services() -> Iterator[Cell]:
    for name, degraded in WITHOUT.items():
        # A ranker that was late begins with fewer candidates when it is back. Garbage may look like the beginning of a frame
        # whose end does not come: that is late, too.
        afterwards = ("fewer_candidates",) if name == "ranking" else ()
        yield Cell(name, "killed", degraded, killed(name))
        yield Cell(name, "stopped (SIGSTOP)", degraded, stopped(name), afterwards=afterwards)
        yield Cell(name, "dead at the start", degraded, dead_at_the_start(name))
        yield Cell(name, "200 ms slower", degraded, through_proxy(name, Mode.DELAY, SLOWER_SECONDS), afterwards=afterwards)
        yield Cell(name, "answers garbage", degraded, through_proxy(name, Mode.GARBAGE), afterwards=afterwards)
        yield Cell(name, "answers the wrong shape", degraded, wrong_shape(name))
        yield Cell(name, "resets connections", degraded, through_proxy(name, Mode.RESET))
        yield Cell(name, "swallows everything", degraded, through_proxy(name, Mode.BLACKHOLE), afterwards=afterwards)


def _of_stores() -> Iterator[Cell]:
    yield Cell("snapshot store", "unreachable", (), store_unreachable)
    yield Cell("snapshot store", "unreachable at the start", (), store_unreachable_at_the_start)
    yield Cell("snapshot store", "a truncated snapshot is published", (), truncated_snapshot)
    yield Cell("Feast registry", "gone", (), registry_gone)
    yield Cell("Feast registry", "gone at the start", ("user_features",), registry_gone_at_the_start)


def _of_events() -> Iterator[Cell]:
    """None of them loses or doubles an acknowledged event."""
    yield Cell("events", "disk full", WITHOUT["redis"], disk_full)
    yield Cell("events", "disk full, appendfsync everysec", (), disk_full_lazily)
    yield Cell("events", "Redis out of memory", (), memory_full)
    yield Cell("events", "the transformer that writes is killed", (), transformer_killed)


def _around() -> Iterator[Cell]:
    yield Cell("clock", "an hour ahead", (), clock_off(HOUR))
    yield Cell("clock", "an hour behind", (), clock_off(-HOUR))
    yield Cell("client", "gone in mid-request", (), clients_leave)
    # A service that is late for some and not for others is what overload looks like, and it is met by doing less.
    late = tuple(sorted((*WITHOUT["redis"], "fewer_candidates")))
    yield Cell("redis", "replies late at random", late, replies_late_at_random, exact=False)
