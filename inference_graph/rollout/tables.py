"""Status and findings for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from inference_graph.rollout.cluster import Cluster
from inference_graph.rollout.findings import Finding
from inference_graph.rollout.status import Status
from inference_graph.rollout.workloads import Workload

MARKS = {True: "[green]ok[/]", False: "[red]no[/]", None: "[yellow]?[/]"}


def show_status(cluster: Cluster, found: Sequence[Status]) -> None:
    console = Console(highlight=False)
    if not found:
        console.print(f"no release of the recommender in namespace {cluster.namespace} of {cluster}", markup=False)
    for status in found:
        _show(console, status)


def show_findings(cluster: Cluster, findings: Sequence[Finding], title: str | None = None) -> None:
    console = Console(highlight=False)
    console.print(title or f"namespace {cluster.namespace} of {cluster}", markup=False)
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(MARKS[finding.fine], escape(finding.subject), escape(finding.words))
    console.print(table)


def _show(console: Console, status: Status) -> None:
    state = "[green]healthy[/]" if status.healthy else "[red]not healthy[/]"
    console.print(f"[bold]{escape(status.release)}[/] in namespace {escape(status.namespace)}: {state}")
    if revision := status.revision:
        tests = {True: ", tests passed", False: ", tests failed", None: ""}[revision["tested"]]
        words = f"revision {revision['number']} ({revision['status']}{tests}) of chart {revision['chart']}, {revision['updated']}"
        console.print(f"  {words}: {revision['description']}", markup=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for name in ("component", "pods", "version", "scaling", "image", "model"):
        table.add_column(name, overflow="fold")
    for workload in status.workloads:
        table.add_row(*(escape(cell) for cell in _row(workload)))
    console.print(table)
    if status.refresh:
        console.print(f"  refresh: {status.refresh}", markup=False, soft_wrap=True)
    for heading, colour, lines in (("problem", "red", status.problems), ("drift", "yellow", status.drift), ("note", "dim", status.notes)):
        for line in lines:
            console.print(f"  [{colour}]{heading}:[/] {escape(line)}", soft_wrap=True)


def _row(workload: Workload) -> tuple[str, ...]:
    pods = f"{workload.ready}/{workload.wanted}"
    return (
        *(workload.component, pods, "\n".join(workload.versions) or "-", workload.scaling or "-"),
        *("\n".join(workload.images) or "-", workload.model or "-"),
    )
