"""`inference-graph bench` itself: the comparison, then the rates, then what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from inference_graph.bench.comparison import compare
from inference_graph.bench.comparison_figures import ComparisonFigures
from inference_graph.bench.machine import machine
from inference_graph.bench.process_use import memory_mb
from inference_graph.bench.rates import RateFigures, at_rate
from inference_graph.bench.recording import record
from inference_graph.bench.session import Session, measured_transformer
from inference_graph.bench.tables import show_comparison, show_machine, show_memory, show_rates, show_stages


@dataclass(frozen=True)
class Report:
    machine: Mapping[str, str | int | float]
    rates: Sequence[RateFigures]
    comparison: ComparisonFigures
    peak_rss_mb: Mapping[str, float]
    private_mb: Mapping[str, float]

    @property
    def faultless(self) -> bool:
        return all(rate.faultless for rate in self.rates) and self.comparison.not_full == 0

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def show(self, console: Console) -> None:
        show_machine(console, self.machine)
        show_comparison(console, self.comparison)
        show_rates(console, self.rates)
        for rate in self.rates[:1]:
            show_stages(console, rate)
        show_memory(console, self.peak_rss_mb, self.private_mb)


async def measured(session: Session, rates: Sequence[float], duration: float) -> Report:
    session.say("starting a transformer with the measured graph")
    with measured_transformer(session) as (port, pid):
        session.say(f"recording the remote calls of {len(session.users)} requests")
        recorded = await record(session)
        comparison = await compare(session, port, pid, recorded)
        figures = []
        for rate in rates:
            session.say(f"{rate:g} requests a second for {duration:g} s")
            figures.append(await at_rate(session, port, pid, rate, duration))
        peak, private = memory_mb({"transformer": pid, **session.running.pids})
    return Report(machine(), figures, comparison, peak, private)
