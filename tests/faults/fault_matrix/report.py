"""The matrix as a table on the terminal, as markdown, and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fault_matrix.verdict import Verdict

COLUMNS = ("service", "fault", "answers", "200 and full", "during: named", "p99 ms", "clean after s", "stolen", "verdict")


def row(verdict: Verdict) -> tuple[str, ...]:
    return (
        verdict.service,
        verdict.fault,
        f"{verdict.answers} ({verdict.during} during)",
        f"{100 * verdict.full / max(1, verdict.answers):.4g} %",
        ("" if verdict.exact else "any of ") + (", ".join(verdict.degraded) or "nothing"),
        f"{verdict.p99_ms:.0f}",
        f"{verdict.clean_after_s:.1f}",
        f"{100 * verdict.stolen:.0f} %",
        ("passed" if verdict.passed else "FAILED") + (f", play {verdict.plays}" if verdict.plays > 1 else ""),
    )


def show(verdicts: Sequence[Verdict], console: Console) -> None:
    table = Table(*COLUMNS, box=None)
    for verdict in verdicts:
        table.add_row(*row(verdict), style="" if verdict.passed else "red")
    console.print(table)
    for verdict in verdicts:
        for problem in verdict.problems:
            console.print(f"{verdict.service}, {verdict.fault}: {problem}", style="red", soft_wrap=True)


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


def write_json(verdicts: Sequence[Verdict], path: Path) -> None:
    cells = [asdict(verdict) | {"passed": verdict.passed} for verdict in verdicts]
    content = {"machine": machine(), "passed": all(v.passed for v in verdicts), "cells": cells}
    path.write_text(json.dumps(content, indent=1) + "\n")


def write_markdown(verdicts: Sequence[Verdict], path: Path) -> None:
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS), *(f"| {' | '.join(row(v))} |" for v in verdicts)]
    path.write_text("\n".join([f"Machine: {machine()}", "", *lines]) + "\n")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
