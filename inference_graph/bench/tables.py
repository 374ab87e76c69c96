"""The figures for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from inference_graph.bench.capacity import CapacityReport
from inference_graph.bench.comparison_figures import ComparisonFigures
from inference_graph.bench.overload import OverloadReport
from inference_graph.bench.rates import RateFigures


def show_machine(console: Console, machine: Mapping[str, object]) -> None:
    what = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    console.print(f"{what}, {machine['system']}, Python {machine['python']}", style="dim")


def show_comparison(console: Console, figures: ComparisonFigures) -> None:
    table = _table("one request after another, asked in turn in the same run (p50)", "", "ms", "")
    table.add_row("ours", f"{figures.ours_p50_ms:.2f}", "the endpoint, HTTP to HTTP")
    table.add_row("floor", f"{figures.floor_p50_ms:.2f}", "the same remote calls by a bare client, nothing between")
    table.add_row("empty", f"{figures.empty_p50_ms:.2f}", "a KServe model that does nothing, same sizes")
    table.add_row("naive", f"{figures.naive_p50_ms:.2f}", "the same answers as most teams get them")
    console.print(table)
    table = _table("", "", "ratio", "95 % interval")
    for name, words in (
        ("ratio_to_floor", "ours / floor"),
        ("overhead_to_empty", "(ours - floor) / empty"),
        ("naive_to_ours", "naive / ours"),
        ("naive_cpu_to_ours", "CPU of naive / CPU of ours"),
    ):
        low, high = figures.noise.get(name, (None, None))
        table.add_row(words, f"{getattr(figures, name):.2f}", "" if low is None else f"{low:.2f} to {high:.2f}")
    console.print(table)
    console.print(
        f"CPU of the controller a request: {figures.controller_cpu_ms:.2f} ms; "
        f"the floor's client takes {figures.floor_cpu_ms:.2f}, the server that does nothing {figures.empty_cpu_ms:.2f}\n"
    )
    if figures.not_full:
        console.print(f"[yellow]{figures.not_full} rounds were left out: our answer was an error or degraded[/]")


def show_rates(console: Console, rates: Sequence[RateFigures]) -> None:
    columns = "requests", "errors", "degraded", "p50 ms", "p95 ms", "p99 ms", "CPU ms of the controller"
    table = _table("open loop: times count from when a request was due", "a second", *columns)
    for rate in rates:
        counts = str(rate.requests), str(rate.errors), str(rate.degraded)
        times = f"{rate.p50_ms:.1f}", f"{rate.p95_ms:.1f}", f"{rate.p99_ms:.1f}", f"{rate.controller_cpu_ms:.2f}"
        table.add_row(f"{rate.rate:g}", *counts, *times)
    console.print(table)
    for rate in rates:
        if rate.ranked_too_few:
            console.print(f"[yellow]at {rate.rate:g} a second {rate.ranked_too_few} candidates were missing[/]")


def show_stages(console: Console, rate: RateFigures) -> None:
    title = f"stages at {rate.rate:g} a second (side by side within a hop; percentiles as far as the histogram tells)"
    table = _table(title, "stage", "mean ms", "p50 ms", "p95 ms", "p99 ms")
    for name, stage in rate.stages.items():
        times = (f"{stage[key]:.1f}" for key in ("mean_ms", "p50_ms", "p95_ms", "p99_ms"))
        table.add_row(name, *times, style="bold" if name == "total" else "")
    console.print(table)


def show_memory(console: Console, peak: Mapping[str, float], private: Mapping[str, float]) -> None:
    table = _table("memory of each process, MB", "process", "peak resident", "private now")
    for name, megabytes in peak.items():
        table.add_row(name, f"{megabytes:.0f}", f"{private[name]:.0f}")
    console.print(table)


def show_capacity(console: Console, report: CapacityReport) -> None:
    show_machine(console, report.machine)
    console.print(f"[bold]{report.capacity:g} requests a second[/]: p99 under {report.bound_ms:g} ms, no error, nothing degraded")


def show_overload(console: Console, report: OverloadReport) -> None:
    show_machine(console, report.machine)
    table = _table(f"{report.factor:g} times the capacity of {report.capacity:g} a second", "", "at capacity", "overload")
    for name, words in OVERLOAD_ROWS.items():
        table.add_row(words, f"{getattr(report.at_capacity, name):g}", f"{getattr(report.overload, name):g}")
    console.print(table)
    console.print(f"good answers per CPU second, of those at capacity: [bold]{report.goodput_ratio:.2f}[/]")
    console.print(f"CPU of a refusal: {report.refusal_cpu_ms:.3f} ms; normal again after {report.recovery_seconds:.1f} s")
    for fault in report.faults:
        console.print(f"[red]{fault}[/]")


OVERLOAD_ROWS = {
    "requests": "requests",
    "full": "answered in full",
    "fewer_candidates": "answered with fewer candidates",
    "degraded": "answered without something else",
    "refused": "refused (429)",
    "errors": "failed",
    "good_p50_ms": "p50 of good answers, ms",
    "good_p99_ms": "p99 of good answers, ms",
    "worst_ms": "slowest answer, from when it was sent, ms",
    "over_bound": "answers over the bound",
    "refused_p99_ms": "p99 of refusals, ms",
    "late_p99_ms": "of that the generator's own delay (p99), ms",
    "cpu_seconds": "CPU seconds of the graph",
    "refusal_cpu_seconds": "of them for refusals",
    "generator_cpu_seconds": "CPU seconds of the generator",
    "cpu_left_seconds": "CPU seconds that were left for answers",
    "good_per_cpu_second": "good answers per CPU second without refusals",
}


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(box=None, header_style="bold", title=title or None, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right" if name else "left")
    return table
