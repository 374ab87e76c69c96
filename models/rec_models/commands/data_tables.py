"""The report of `data check` for people: figures, what they mean, whom to look at, what is broken."""

from __future__ import annotations

from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rec_models.data.figures import Figures
from rec_models.data.report import Report

SUSPECTS_SHOWN = 10
SHARES = ("rare_items", "density", "tied_last", "tied", "repeats", "repeats_last")


def show_report(report: Report) -> None:
    console = Console(highlight=False)
    if report.figures is not None:
        console.print(_figures(report.folder, report.figures))
    for sentence in report.meaning:
        console.print(escape(sentence), soft_wrap=True)
    for suspect in report.suspects[:SUSPECTS_SHOWN]:
        what = f"user {suspect.user_id}: {suspect.interactions:,} interactions, {suspect.reason}"
        console.print(escape(what), style="yellow", soft_wrap=True)
    if len(report.suspects) > SUSPECTS_SHOWN:
        console.print(f"{len(report.suspects) - SUSPECTS_SHOWN:,} more such users: --json names them", style="yellow")
    for note in report.notes:
        console.print(escape(note), style="dim", soft_wrap=True)
    for problem in report.problems:
        console.print(escape(problem), style="red", soft_wrap=True)
    if report.problem_count:
        console.print(f"{report.problem_count:,} problems, the first {len(report.problems)} above; by kind:", style="bold red")
        for kind, count in sorted(report.problem_kinds.items(), key=lambda entry: -entry[1]):
            console.print(escape(f"{count:,} x {kind}"), style="red", soft_wrap=True)


def _figures(folder: str, figures: Figures) -> Table:
    table = Table(box=None, show_header=False, title=escape(folder), title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in asdict(figures).items():
        table.add_row(name.replace("_", " "), _shown(name, value))
    return table


def _shown(name: str, value: float | str) -> str:
    match value:
        case str():
            return value
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.3%}" if name in SHARES else f"{value:,.1f}"
