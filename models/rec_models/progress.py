"""Progress on the terminal; where the errors go to a file or a pipe nothing at all, or a line now and then where work takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS = 20.0
Begin = Callable[[int, int], Callable[[int], None]]
"""Is told how much there is to do and how much is done already; what it returns is told how much more was done."""


def progress_bar() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def phase(name: str) -> Iterator[Callable[[float], None]]:
    """A bar with its time on the terminal, a line elsewhere; what it gives is told what share more of the phase was done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(name)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.advance(task, share)


@contextmanager
def counted(what: str) -> Iterator[Begin]:
    """A bar on the terminal; in a log a line now and then."""
    with progress_bar() as progress:
        yield (
            (lambda total, done: _lines(what, total, done)) if progress.disable else (lambda total, done: _bar(progress, what, total, done))
        )


def _bar(progress: Progress, what: str, total: int, done: int) -> Callable[[int], None]:
    task = progress.add_task(what, total=total, completed=done)
    return lambda more: progress.advance(task, more)


def _lines(what: str, total: int, done: int) -> Callable[[int], None]:
    said = time.monotonic()

    def more(count: int) -> None:
        nonlocal done, said
        done += count
        if done == total or time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    return more
