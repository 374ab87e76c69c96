"""The figures of several catalogue sizes, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from inference_graph.bench.scale import ScaleReport, SizeFigures
from inference_graph.bench.scale_swap import SWAPS
from inference_graph.bench.tables import show_machine

ROWS: tuple[tuple[str, Callable[[SizeFigures], str]], ...] = (
    ("controller, CPU ms a request (p50)", lambda size: f"{size.controller_cpu_ms:.2f}"),
    ("controller, ms outside remote steps (p50)", lambda size: f"{size.controller_wall_ms:.2f}"),
    ("whole request, ms (p50)", lambda size: f"{size.p50_ms:.1f}"),
    ("whole request, ms (p99)", lambda size: f"{size.p99_ms:.1f}"),
    ("step two_tower, ms (p50)", lambda size: f"{size.steps_p50_ms['two_tower']:.1f}"),
    ("step similar_to_liked, ms (p50)", lambda size: f"{size.steps_p50_ms['similar_to_liked']:.1f}"),
    ("step ranker, ms (p50)", lambda size: f"{size.steps_p50_ms['ranker']:.1f}"),
    ("retrieval alone, ms (p50)", lambda size: f"{size.retrieval.p50_ms:.1f}"),
    ("retrieval, recall@500", lambda size: f"{size.retrieval.recall:.3f}"),
    ("vector search of 5 seeds alone, ms (p50)", lambda size: f"{size.vectors.p50_ms:.1f}"),
    ("vector search, recall@100", lambda size: f"{size.vectors.recall:.3f}"),
    ("snapshot verified and mapped, s", lambda size: f"{size.snapshot_load_s:.2f}"),
    ("transformer ready, s", lambda size: f"{size.seconds['transformer ready']:.1f}"),
    ("retrieval ready, s", lambda size: f"{size.seconds['retrieval ready']:.1f}"),
    ("ranking ready, s", lambda size: f"{size.seconds['ranking ready']:.1f}"),
    ("vector index, s", lambda size: f"{size.seconds['index']:.1f}" if size.index.get("added") else "there already"),
    ("private memory of the transformer, MB", lambda size: f"{size.private_mb['transformer']:.0f}"),
    ("private memory of redis, MB", lambda size: f"{size.private_mb['redis']:.0f}"),
    ("private memory of retrieval, MB", lambda size: f"{size.private_mb['retrieval']:.0f}"),
    ("private memory of ranking, MB", lambda size: f"{size.private_mb['ranking']:.0f}"),
    ("snapshot swap under load: requests a second", lambda size: f"{size.swap.rate:g}"),
    ("worst of the swap, ms", lambda size: f"{size.swap.worst_ms:.1f}"),
    ("undisturbed at that rate: p99, ms", lambda size: f"{size.swap.steady_p99_ms:.1f}"),
    ("worst of the swap / undisturbed p99", lambda size: f"{size.swap.ratio:.2f}"),
    ("answers that did without something", lambda size: str(sum(size.without.values()))),
    ("the same, undisturbed at that rate", lambda size: str(sum(size.swap.steady_without.values()))),
    (f"the same, during {SWAPS} swaps", lambda size: str(sum(size.swap.without.values()))),
)


def show_scale(console: Console, report: ScaleReport) -> None:
    show_machine(console, report.machine)
    title = "the same users over catalogues of several sizes"
    table = Table(box=None, header_style="bold", title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for size in report.sizes:
        table.add_column(f"{size.items:,} items", justify="right")
    for words, value in ROWS:
        table.add_row(words, *(value(size) for size in report.sizes))
    console.print(table)
    for size in report.sizes:
        console.print(f"{size.items:,} items: {size.card.get('catalogue_limit', '')}", soft_wrap=True)
        for name, count in sorted((Counter(size.without) + Counter(size.swap.steady_without) + Counter(size.swap.without)).items()):
            console.print(f"  {count} answers: {name}")
        for width, found in size.vectors_by_width.items():
            console.print(f"  EF_RUNTIME {width}: recall@100 {found.recall:.3f}, 5 seeds {found.p50_ms:.1f} ms")
        for probes, recall in size.card.get("lists", {}).get("recall_by_probes", {}).items():
            console.print(f"  {probes} lists: recall@500 {recall:.3f}")
    if len(report.sizes) > 1:
        console.print(f"CPU of the controller, largest to smallest size: {report.controller_ratio:.2f}")
