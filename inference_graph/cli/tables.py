"""What an answer looks like to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_answer(console: Console, answer: Mapping[str, Any]) -> None:
    """The recommended items, and what the answer did without."""
    table = Table(box=None, header_style="bold", title=escape(_title(answer)), title_justify="left")
    table.add_column("", justify="right", style="dim")
    table.add_column("item", no_wrap=True)
    table.add_column("title", ratio=1, overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("proposed by (rank)", style="cyan")
    for position, item in enumerate(answer["items"], 1):
        table.add_row(str(position), escape(item["item_id"]), escape(item["title"]), score(item["score"]), ranks(item["sources"]))
    console.print(table)
    if not answer["items"]:
        console.print("  no item is left after the filters")
    if answer["degraded"]:
        console.print(f"[yellow]without: {', '.join(answer['degraded'])}[/]")
    if answer["rules_relaxed"]:
        console.print(f"[yellow]rules that gave way: {', '.join(answer['rules_relaxed'])}[/]")
    console.print(escape(f"versions: {', '.join(f'{name} {version}' for name, version in answer['versions'].items())}"), style="dim")


def show_timings(console: Console, timings_ms: Mapping[str, float]) -> None:
    """What each stage took. Stages of one hop run side by side, so they add up to more than the total."""
    table = Table(box=None, header_style="bold", title="milliseconds per stage", title_justify="left")
    table.add_column("stage")
    table.add_column("ms", justify="right")
    for name, milliseconds in timings_ms.items():
        table.add_row(name, f"{milliseconds:.1f}", style="bold" if name == "total" else "")
    console.print(table)


def ranks(sources: Mapping[str, int]) -> str:
    """Sources with their ranks, the best one first."""
    return ", ".join(f"{name} #{rank}" for name, rank in sorted(sources.items(), key=lambda entry: (entry[1], entry[0])))


def score(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _title(answer: Mapping[str, Any]) -> str:
    who = "an anonymous visitor" if answer["user_id"] is None else f"user {answer['user_id']} ({answer['user']})"
    return f"{len(answer['items'])} items for {who}"
