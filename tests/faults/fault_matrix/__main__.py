"""`python -m fault_matrix`: every cell, or those whose names hold one of some words; exit status 1 where one fails."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from fault_matrix.bed import Bed, running_up
from fault_matrix.cells import every_cell
from fault_matrix.report import show, write_json, write_markdown
from fault_matrix.scene import Cell, play
from fault_matrix.verdict import BEFORE, Bounds, Verdict
from inference_graph.workspace import home

ATTEMPTS = 3
STOLEN = 0.2
"""In a quiet hour the worst second of a cell loses 3 to 9 %."""
EXAMPLES = """examples:
  make test-faults
  make test-faults CELLS=redis,ranking
  make test-faults JSON=faults.json MARKDOWN=faults.md
"""


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("fault_matrix", description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--cells", default="", help="only cells whose `service: fault` holds one of these words, separated by commas")
    parser.add_argument("--json", type=Path, help="file for the result as JSON")
    parser.add_argument("--markdown", type=Path, help="file for the table as markdown")
    given = parser.parse_args()
    words = [word.strip() for word in given.cells.split(",") if word.strip()]
    cells = [cell for cell in every_cell() if not words or any(word in cell.name for word in words)]
    if not cells:
        parser.error(f"--cells: none of the cells holds {given.cells!r}; there are:\n  " + "\n  ".join(cell.name for cell in every_cell()))
    verdicts = asyncio.run(run(cells, Console(highlight=False)))
    show(verdicts, Console(highlight=False, width=max(150, Console().width)))
    if given.json:
        write_json(verdicts, given.json)
    if given.markdown:
        write_markdown(verdicts, given.markdown)
    sys.exit(0 if all(verdict.passed for verdict in verdicts) else 1)


async def run(cells: Sequence[Cell], console: Console) -> list[Verdict]:
    """On the `up` of INFERENCE_GRAPH_HOME, which is started where none runs there."""
    with tempfile.TemporaryDirectory(prefix="fault-matrix-") as folder:
        console.print(f"[dim]starting `inference-graph up` in {home()}, or using the one that runs there")
        async with running_up(home(), Path(folder)), Bed.made(home(), Path(folder)) as bed:
            verdicts = []
            for cell in cells:
                verdicts.append(await _settled(cell, bed))
                console.print(f"{'passed' if verdicts[-1].passed else 'FAILED'}  {cell.name}")
                for problem in verdicts[-1].problems:
                    console.print(f"        {problem}", soft_wrap=True)
            return verdicts


async def _settled(cell: Cell, bed: Bed) -> Verdict:
    """A cell that fails on a machine without time shows the machine and not the fault: it is played again.

    It says so by naming something before its fault, or by how much of its time went to others in the worst second.
    """
    for plays in range(1, ATTEMPTS + 1):
        verdict = replace(await play(cell, bed, Bounds.of(bed.budget)), plays=plays)
        if verdict.passed or (verdict.stolen <= STOLEN and not any(BEFORE in problem for problem in verdict.problems)):
            break
    return verdict


if __name__ == "__main__":
    main()
