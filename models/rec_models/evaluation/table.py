"""The report in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from rec_models.evaluation.contestants import GRAPH
from rec_models.evaluation.metrics import HEADLINE

SHOWN = ("ndcg@10", "ndcg@100", "mrr@10", "recall@10", "recall@50", "recall@100", "recall@500")
FEW, WIDE = ("ndcg@10", "recall@50"), 130


def show(console: Console, report: Mapping[str, Any]) -> None:
    console.print(_headline(report), soft_wrap=True)
    metrics = SHOWN if console.width >= WIDE else FEW
    console.print(_results(f"{report['data']}, {report['protocol']}", report["results"], report["graph_minus"], metrics))
    if new := report.get("new items"):
        console.print(_results("only items that are new to the user, what they had is hidden", new["results"], {}, metrics))
    console.print(_segments(report["segments"]))
    for line in remarks(report):
        console.print(line, soft_wrap=True)


def remarks(report: Mapping[str, Any]) -> list[str]:
    """Sentences without which the figures would be misread."""
    difference, best = report["graph_minus_best_baseline"][HEADLINE], report["best_baseline"]
    said = [
        f"The graph minus {best}, {HEADLINE}: {difference['mean']:+.4f} ({difference['low']:+.4f} to {difference['high']:+.4f}, 95 %, "
        f"paired by user). {_verdict(difference, report['smallest_difference_shown'])}",
        f"{report['users']:,} users tested with {report['requests']:,} requests, {report['users_left_out']:,} left out; "
        f"ties by {report['ties']}; seen: {report['seen']}; test split read {report['test_reads']} time(s); "
        f"trained with {len(report['graph_by_seed'])} seed(s): {', '.join(f'{each:.4f}' for each in report['graph_by_seed'])}.",
    ]
    if report["protocol"] != "forward":
        said.append("Each user's own sequence is cut, as papers do: the models know what other users did later.")
    return said


def _verdict(difference: Mapping[str, float], shown: float) -> str:
    if difference["low"] > 0:
        return "The graph is better."
    if difference["high"] < 0:
        return "The graph is worse."
    return f"Not to be told apart: these users would show a true difference of {shown:.4f} four times out of five."


def _headline(report: Mapping[str, Any]) -> str:
    graph, best = report["results"][GRAPH][HEADLINE], report["results"][report["best_baseline"]][HEADLINE]
    return f"{HEADLINE}: graph {graph['mean']:.4f}, best baseline ({report['best_baseline']}) {best['mean']:.4f}"


def _results(title: str, results: Mapping[str, Any], differences: Mapping[str, Any], metrics: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("", no_wrap=True)
    for metric in (*metrics, *(["graph minus it"] if differences else [])):
        table.add_column(metric, justify="right", no_wrap=True)
    for name in sorted(results, key=lambda name: -results[name][HEADLINE]["mean"]):
        own = results[name]
        figures = [f"{own[metric]['mean']:.4f}" if metric in own else "" for metric in metrics]
        gap = differences.get(name)
        last = [f"{gap['mean']:+.4f} ({gap['low']:+.4f}, {gap['high']:+.4f})" if gap else ""] if differences else []
        table.add_row(name, *figures, *last, style="bold" if name == GRAPH else "")
    return table


def _segments(segments: Mapping[str, Any]) -> Table:
    table = Table(title=f"{HEADLINE} by segment", title_justify="left", box=None, header_style="bold")
    table.add_column("", no_wrap=True)
    names = list(next(iter(segments.values()))["results"])
    for segment, own in segments.items():
        table.add_column(f"{segment}\n({own['wanted']:,} wanted)", justify="right")
    for name in names:
        figures = [f"{own['results'][name][HEADLINE]['mean']:.4f}" for own in segments.values()]
        table.add_row(name, *figures, style="bold" if name == GRAPH else "")
    return table
