"""What the tests measured, for the table at the end."""

from __future__ import annotations

FIGURES: list[tuple[str, str]] = []


def figure(done: str, seen: str) -> None:
    """Said at once, for a long run that is watched, and again in the table."""
    print(f"{done}: {seen}", flush=True)
    FIGURES.append((done, seen))


def table() -> list[str]:
    """Lines of Markdown; none where nothing was measured."""
    return ["| What was done | What was seen |", "|---|---|", *(f"| {done} | {seen} |" for done, seen in FIGURES)] if FIGURES else []
