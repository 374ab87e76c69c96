"""The phases of `up`: each is timed, and the steps among them run as commands of their own, with their output on ours."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import typer
from rich.console import Console
from rich.table import Table

from inference_graph.local.process import script, spawn, stop
from inference_graph.local.stopping import Stopping

STEP_STOP_SECONDS = 5.0


@dataclass
class Phases:
    """What ran and for how long."""

    console: Console
    stopping: Stopping
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        self.console.rule(f"[bold]{name}", align="left", style="dim")
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started

    def step(self, name: str, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Runs `inference-graph ARGUMENTS`. Ends with its exit status where it fails: it has said why by itself."""
        with self.timed(name):
            process = spawn((script("inference-graph"), *arguments), environment)
            try:
                while (code := process.poll()) is None:
                    self.stopping.pause(0.05)
            finally:
                # SIGINT, so that a progress bar gives the cursor back.
                stop([process], STEP_STOP_SECONDS, lambda: self.stopping.hurry, first=signal.SIGINT)
        if code != 0:
            if code < 0:
                self.console.print(f"error: {name} was ended by {signal.Signals(-code).name}", style="red")
            raise typer.Exit(1)

    def table(self) -> Table:
        table = Table("phase", "seconds", title="time per phase", title_justify="left", box=None)
        table.columns[1].justify = "right"
        for name, seconds in self.seconds.items():
            table.add_row(name, f"{seconds:.1f}")
        table.add_row("total", f"{sum(self.seconds.values()):.1f}", style="bold")
        return table
