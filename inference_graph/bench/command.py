"""`inference-graph bench`: rates and the comparison; its subcommands are capacity and overload."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from inference_graph.errors import InvalidConfiguration

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")

Users = Annotated[int, typer.Option(min=2, help="How many different users ask.")]
Candidates = Annotated[int, typer.Option(min=1, max=5_000, help="How many candidates each request ranks.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the figures to this file.")]


@app.callback()
def bench(
    context: typer.Context,
    users: Users = 500,
    candidates: Candidates = 500,
    rate: Annotated[str, typer.Option(metavar="LIST", help="Requests a second, one measurement each.")] = "10,20,40",
    duration: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds of each measurement.")] = 30,
    json_file: Json = None,
) -> None:
    """Measure the graph that `up` runs here: what a request costs beside what it must cost, and what rates it bears.

    Nothing of it is changed and no event is written: a second transformer ranks for the measurement, over the same Redis and
    model servers. Compared, asked in turn for the same users: ours (the endpoint), floor (the same remote calls by a bare client),
    empty (a KServe model that does nothing), naive (what most teams write). Rates are an open loop: a late answer counts from when
    its request was due. Exits 1 if an answer was an error, degraded, or ranked fewer candidates than asked.

    Examples:

      inference-graph bench

      inference-graph bench --users 100 --rate 5,10 --duration 10 --json bench.json

      inference-graph bench capacity

      inference-graph bench overload --factor 5 --duration 60
    """
    if context.invoked_subcommand is not None:
        return
    from inference_graph.bench.measuring import measured
    from inference_graph.bench.session import measure

    rates = _rates(rate)
    report = measure(users, candidates, _say, lambda session: measured(session, rates, duration))
    from rich.console import Console

    report.show(Console(highlight=False))
    _write(json_file, report.document())
    if not report.faultless:
        typer.echo("some answers were errors, degraded, or ranked fewer candidates than asked: see the table", err=True)
        raise typer.Exit(1)


def _rates(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < rate <= 100_000 for rate in found):
        raise InvalidConfiguration(f"--rate: expected requests a second such as 10,20,40, got {text!r}")
    return found


def _write(file: Path | None, document: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    if file is not None:
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_text(json.dumps(document, indent=1) + "\n")
        os.replace(draft, file)


def _say(line: str) -> None:
    typer.echo(line, err=True)
