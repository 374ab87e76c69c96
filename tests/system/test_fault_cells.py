"""A few cells of the fault matrix on the running system: `make test-faults` plays all of them, with their times."""

from __future__ import annotations

from fault_matrix.bed import Bed
from fault_matrix.cells import every_cell
from fault_matrix.scene import play
from fault_matrix.verdict import UNTIMED

CELLS = (
    "redis: answers the wrong shape",
    "redis: resets connections",
    "retrieval: stopped (SIGSTOP)",
    "ranking: answers the wrong shape",
)


async def test_answers_are_full_and_say_what_they_do_without(system, tmp_path):
    cells = {cell.name: cell for cell in every_cell()}
    async with Bed.made(system.home, tmp_path) as bed:
        verdicts = [await play(cells[name], bed, UNTIMED) for name in CELLS]
    assert [(v.service, v.fault, v.problems) for v in verdicts if not v.passed] == []


def test_no_cell_of_the_matrix_is_left_out():
    faults = ("killed", "stopped (SIGSTOP)", "dead at the start", "200 ms slower", "answers garbage", "resets connections")
    names = {cell.name for cell in every_cell()}
    assert {f"{service}: {fault}" for service in ("redis", "retrieval", "ranking") for fault in faults} <= names
    assert set(CELLS) <= names
