"""`python -m hostile_input`: known attacks and made-up requests against a transformer; exit status 1 where it misbehaves."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fault_matrix.bed import Bed, running_up
from fault_matrix.report import machine
from hostile_input.siege import Outcome, besiege
from inference_graph.workspace import home

PAIRS = 4
CALM_SECONDS = 20.0
MOST_RATIO = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(
        "hostile_input", description=__doc__, epilog="example: make test-hostile REQUESTS=20000 JSON=hostile.json"
    )
    parser.add_argument("--requests", type=int, default=2_000, help="requests made up from /openapi.json (default: 2000)")
    parser.add_argument("--json", type=Path, help="file for the result as JSON")
    given = parser.parse_args()
    console = Console(highlight=False, width=max(120, Console().width))
    outcome = asyncio.run(_run(given.requests, console))
    if outcome.p99_ratio > MOST_RATIO:
        outcome.problems.append(f"the good client's p99 is {outcome.p99_ratio:.2f} x as long beside it, expected at most {MOST_RATIO}")
    if outcome.good_refused:
        outcome.problems.append(f"{outcome.good_refused} of {outcome.good_answers} answers of the good client were 429")
    _show(outcome, console)
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), **vars(outcome), "p99_ratio": outcome.p99_ratio}, indent=1) + "\n")
    sys.exit(1 if outcome.problems else 0)


async def _run(requests: int, console: Console) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="hostile-input-") as folder:
        console.print(f"[dim]using the `inference-graph up` of {home()}, which is started where none runs; then {requests} requests")
        async with running_up(home(), Path(folder)), Bed.made(home(), Path(folder)) as bed:
            return await besiege(bed, requests, PAIRS, CALM_SECONDS)


def _show(outcome: Outcome, console: Console) -> None:
    table = Table("measured", "value", box=None)
    table.add_row("known attacks", f"{outcome.attacks}")
    table.add_row("requests made up", f"{outcome.requests}")
    table.add_row("answers by status", ", ".join(f"{status}: {count}" for status, count in sorted(outcome.statuses.items())))
    table.add_row("good client, p50 ms before and beside", f"{outcome.p50_before_ms:.1f} {outcome.p50_with_ms:.1f}")
    table.add_row(
        "good client, p99 ms before and beside", f"{outcome.p99_before_ms:.1f} {outcome.p99_with_ms:.1f} ({outcome.p99_ratio:.2f} x)"
    )
    table.add_row("lines in the transformer's log", f"{outcome.log_lines}")
    table.add_row("problems", f"{len(outcome.problems)}")
    console.print(table)
    for problem in outcome.problems:
        console.print(problem, style="red", soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
