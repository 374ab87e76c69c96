"""What the tests measured, for the table at the end."""

from __future__ import annotations

from collections.abc import Sequence

Figure = tuple[str, str]
_figures: list[Figure] = []


def figure(done: str, seen: str) -> None:
    """Said at once, for a long run that is watched, and again in the table."""
    print(f"{done}: {seen}", flush=True)
    _figures.append((done, seen))


def taken() -> list[Figure]:
    """What was measured since this was last asked."""
    figures = _figures.copy()
    _figures.clear()
    return figures


def table(figures: Sequence[Figure]) -> list[str]:
    """Lines of Markdown; none where nothing was measured."""
    return ["| What was done | What was seen |", "|---|---|", *(f"| {done} | {seen} |" for done, seen in figures)] if figures else []
