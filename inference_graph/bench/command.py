"""`inference-graph bench`: rates and the comparison; its subcommands are capacity and overload."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from inference_graph.errors import InvalidConfiguration

app = typer.Typer(invoke_without_command=True, rich_markup_mode="rich")

Users = Annotated[int, typer.Option(min=2, help="How many different users ask.")]
Candidates = Annotated[int, typer.Option(min=1, max=5_000, help="How many candidates each request ranks.")]
Bound = Annotated[float, typer.Option(min=1, max=10_000, help="Milliseconds that an answer may take.")]
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


@app.command()
def capacity(
    users: Users = 500,
    candidates: Candidates = 500,
    bound_ms: Bound = 100,
    duration: Annotated[float, typer.Option(min=1, max=600, help="Seconds of each trial, at least.")] = 5,
    json_file: Json = None,
) -> None:
    """Find the highest rate at which p99 stays under a bound and no answer is an error or degraded.

    Examples:

      inference-graph bench capacity

      inference-graph bench capacity --bound-ms 50 --json capacity.json
    """
    from rich.console import Console

    from inference_graph.bench.capacity import capacity_of_running
    from inference_graph.bench.session import measure
    from inference_graph.bench.tables import show_capacity

    report = measure(users, candidates, _say, lambda session: capacity_of_running(session, bound_ms, duration))
    show_capacity(Console(highlight=False), report)
    _write(json_file, asdict(report))


@app.command()
def overload(
    users: Users = 500,
    candidates: Candidates = 500,
    factor: Annotated[float, typer.Option(min=1, max=100, help="How many times the capacity is offered.")] = 5,
    duration: Annotated[float, typer.Option(min=2, max=3_600, help="Seconds of overload.")] = 60,
    bound_ms: Bound = 100,
    capacity: Annotated[float | None, typer.Option(min=1, help="Requests a second; measured first where it is left out.")] = None,
    json_file: Json = None,
) -> None:
    """Offer several times the capacity: what is still answered, how well, and how soon it is over.

    Good answers are full ones and those that say `fewer_candidates`. Exits 1 if a request failed, an answer took longer than the
    bound, good answers per CPU second (without the refusals') fell under 0.9 of those at capacity, or recovery took over 5 s.

    Examples:

      inference-graph bench overload --factor 5 --duration 60

      inference-graph bench overload --capacity 60 --json overload.json
    """
    from rich.console import Console

    from inference_graph.bench.overload import overloaded
    from inference_graph.bench.session import measure
    from inference_graph.bench.tables import show_overload

    report = measure(users, candidates, _say, lambda session: overloaded(session, factor, duration, bound_ms, capacity))
    show_overload(Console(highlight=False), report)
    _write(json_file, asdict(report))
    if report.faults:
        raise typer.Exit(1)


@app.command()
def scale(
    items: Annotated[str, typer.Option(metavar="LIST", help="Sizes of the catalogues, in items.")] = "10000,100000,1000000",
    json_file: Json = None,
) -> None:
    """Measure invented catalogues of several sizes, with the same users: what grows with the catalogue, and what does not.

    Nothing needs to run here: each size gets a Redis, model servers and a transformer of its own. What is made stays in
    .run/scale and is used again; a million items take 4.5 GB of disk and several minutes, also when they are there already.
    Exits 1 if an answer was an error or degraded.

    Examples:

      inference-graph bench scale --items 10000,100000

      inference-graph bench scale --json scale.json
    """
    from rich.console import Console

    from inference_graph.bench.scale import scaled
    from inference_graph.bench.scale_table import show_scale
    from inference_graph.local.stopping import StopRequested
    from inference_graph.workspace import home

    try:
        report = scaled(_sizes(items), home() / "scale", _say)
    except StopRequested as request:
        raise typer.Exit(130) from request
    show_scale(Console(highlight=False), report)
    _write(json_file, report.document())
    if not report.faultless:
        typer.echo("some answers were errors or degraded: see the table", err=True)
        raise typer.Exit(1)


def _sizes(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdigit() and 2_000 <= int(part) <= 5_000_000 for part in parts):
        raise InvalidConfiguration(f"--items: expected sizes from 2000 to 5000000 such as 10000,100000, got {text!r}")
    return sorted({int(part) for part in parts})


def _rates(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < rate <= 100_000 for rate in found):
        raise InvalidConfiguration(f"--rate: expected requests a second such as 10,20,40, got {text!r}")
    return found


def _write(file: Path | None, document: Mapping[str, Any]) -> None:
    """Whole or not at all; null for a figure that there is none of."""
    if file is not None:
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.write_text(json.dumps(_without_nan(document), indent=1, allow_nan=False) + "\n")
        os.replace(draft, file)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _say(line: str) -> None:
    typer.echo(line, err=True)
