"""The cells of the matrix, and what the contract says that answers name in each."""

from __future__ import annotations

from collections.abc import Iterator

from fault_matrix.proxy import Mode
from fault_matrix.scene import Cell
from fault_matrix.service_faults import SLOWER_SECONDS, dead_at_the_start, killed, stopped, through_proxy, wrong_shape

WITHOUT = {
    "redis": ("blocked", "history", "similar_to_liked", "user_features"),
    "retrieval": ("two_tower",),
    "ranking": ("ranker",),
}


def every_cell() -> list[Cell]:
    return list(_of_services())


def _of_services() -> Iterator[Cell]:
    for name, degraded in WITHOUT.items():
        yield Cell(name, "killed", degraded, killed(name))
        yield Cell(name, "stopped (SIGSTOP)", degraded, stopped(name))
        yield Cell(name, "dead at the start", degraded, dead_at_the_start(name))
        yield Cell(name, "200 ms slower", degraded, through_proxy(name, Mode.DELAY, SLOWER_SECONDS))
        yield Cell(name, "answers garbage", degraded, through_proxy(name, Mode.GARBAGE))
        yield Cell(name, "answers the wrong shape", degraded, wrong_shape(name))
        yield Cell(name, "resets connections", degraded, through_proxy(name, Mode.RESET))
        yield Cell(name, "swallows everything", degraded, through_proxy(name, Mode.BLACKHOLE))
