"""What the tests measured, for the table at the end."""

from __future__ import annotations

FIGURES: list[tuple[str, str]] = []


def figure(done: str, seen: str) -> None:
    FIGURES.append((done, seen))


def table() -> list[str]:
    """Lines of Markdown; none where nothing was measured."""
    return ["| What was done | What was seen |", "|---|---|", *(f"| {done} | {seen} |" for done, seen in FIGURES)] if FIGURES else []
