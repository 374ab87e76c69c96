"""report.html: the whole result on one page that needs nothing else, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from inference_graph.features import RANKED_SOURCES
from rec_models.evaluation import svg
from rec_models.evaluation.contestants import CAPPED, GRAPH
from rec_models.evaluation.metrics import HEADLINE
from rec_models.evaluation.table import SHOWN, remarks

STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#212529}
h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid #dee2e6}
svg{width:100%;height:auto;max-width:42rem;display:block}svg text{font-family:inherit}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left;
position:sticky;left:0;background:#fff}
tr{border-bottom:1px solid #e9ecef}.strong{font-weight:700}p,li{max-width:46rem}.figures{display:flex;flex-wrap:wrap;gap:1rem}
.figures div{background:#f1f3f5;border-radius:.5rem;padding:.6rem 1rem}.figures b{display:block;font-size:1.4rem}
"""
Report = Mapping[str, Any]


def write_report(report: Report) -> str:
    """The page's text."""
    title = f"{report['data']}: {report['protocol']}, last {report['last']}"
    sections = (_headline, _all_metrics, _segments, _depths, _ablation, _reliability, _learning, _costs, _beyond, _new_items, _made)
    body = "".join(section(report) for section in sections)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
    return f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"


def _headline(report: Report) -> str:
    results, best = report["results"], report["best_baseline"]
    gap = report["graph_minus_best_baseline"][HEADLINE]
    figures = {
        f"{HEADLINE} of the graph": f"{results[GRAPH][HEADLINE]['mean']:.4f}",
        f"best baseline, {best}": f"{results[best][HEADLINE]['mean']:.4f}",
        "difference, 95 %": f"{gap['mean']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})",
    }
    cells = "".join(f"<div>{escape(name)}<b>{value}</b></div>" for name, value in figures.items())
    rows = [(name, *(results[name][HEADLINE][key] for key in ("mean", "low", "high"))) for name in _in_order(results)]
    said = "".join(f"<p>{escape(line)}</p>" for line in remarks(report))
    return f'<div class="figures">{cells}</div>{svg.bars(rows, GRAPH)}{said}'


def _all_metrics(report: Report) -> str:
    rows = [[name, *(_figure(report["results"][name].get(metric)) for metric in SHOWN)] for name in _in_order(report["results"])]
    gaps = [
        [name, f"{gap['mean']:+.4f}", f"{gap['low']:+.4f}", f"{gap['high']:+.4f}"]
        for name, gap in sorted(report["graph_minus"].items(), key=lambda entry: entry[1]["mean"])
    ]
    differences = _table(["the graph minus", HEADLINE, "low", "high"], gaps)
    return f"<h2>All metrics</h2>{_table(['', *SHOWN], rows)}<h2>Differences, paired by user</h2>{differences}"


def _segments(report: Report) -> str:
    segments = report["segments"]
    names = [name for name in _in_order(report["results"]) if name != CAPPED]
    header = ["", *(f"{segment} ({own['wanted']:,})" for segment, own in segments.items())]
    rows = [[name, *(_figure(own["results"][name][HEADLINE]) for own in segments.values())] for name in names]
    return f"<h2>{HEADLINE} by segment (wanted items)</h2>{_table(header, rows)}"


def _depths(report: Report) -> str:
    curves = report["recall_by_depth"]
    shown = {name: list(zip(curves["depths"], curves[name], strict=True)) for name in (GRAPH, "fusion", *RANKED_SOURCES)}
    return f"<h2>Recall by source and depth</h2>{svg.lines(shown, 'items looked at', 'share of wanted items found', logarithmic=True)}"


def _ablation(report: Report) -> str:
    ablation = report["ablation"]
    rows = [
        [name, f"{gap['mean']:+.4f}", f"{gap['low']:+.4f}", f"{gap['high']:+.4f}"]
        for name, gap in sorted(ablation[HEADLINE].items(), key=lambda entry: -entry[1]["mean"])
    ]
    note = (
        f"{HEADLINE} of the ranking model as it is, minus the same model asked without a part, over {ablation['requests']:,} of the "
        "requests. It was not taught anew: this is what a part does in these answers, not what could be had without it."
    )
    return f"<h2>What each part adds</h2>{_table(['without', HEADLINE, 'low', 'high'], rows)}<p>{note}</p>"


def _reliability(report: Report) -> str:
    bins = report["calibration"]["bins"]
    curve = {"score against share that came": [(each["said"], each["came"]) for each in bins]}
    plot = svg.lines(curve, "score", "share that came", diagonal=True)
    return f"<h2>Do scores mean what they say?</h2>{plot}<p>Mean gap, weighted by pairs: {report['calibration']['mean_gap']:.5f}.</p>"


def _learning(report: Report) -> str:
    curves = {name: [(100.0 * share, loss) for share, loss in model["learning"]] for name, model in report["models"].items()}
    across = "percent of the training steps"
    plots = (svg.lines({f"{name}: loss": curve}, across, "loss", from_zero=False) for name, curve in curves.items())
    return f"<h2>Learning curves</h2>{''.join(plots)}"


def _costs(report: Report) -> str:
    costs = {name: facts["request_ms"] for name, facts in report["contestants"].items() if "request_ms" in facts}
    places = {name: (cost, report["results"][name][HEADLINE]["mean"]) for name, cost in costs.items()}
    note = "The graph's time is that of a whole HTTP request with its explanation; a baseline's that of its scores in this process."
    return f"<h2>Quality against cost</h2>{svg.points(places, 'milliseconds a request', HEADLINE, GRAPH)}<p>{note}</p>"


def _beyond(report: Report) -> str:
    measured = report["beyond_accuracy"]
    metrics = list(next(iter(measured.values())))
    rows = [[name, *(f"{measured[name][metric]:.3f}" for metric in metrics)] for name in _in_order(report["results"])]
    return f"<h2>Beyond accuracy</h2>{_table(['', *metrics], rows)}"


def _new_items(report: Report) -> str:
    if "new items" not in report:
        return ""
    results = report["new items"]["results"]
    rows = [[name, *(_figure(results[name].get(metric)) for metric in SHOWN)] for name in _in_order(results)]
    return f"<h2>Only items that are new to the user; what they had is hidden</h2>{_table(['', *SHOWN], rows)}"


def _made(report: Report) -> str:
    tried = [
        [name, str(facts["trials"]), f"{facts['validation']:.4f}", str(dict(facts["settings"]) or "none")]
        for name, facts in report["contestants"].items()
        if "trials" in facts
    ]
    chance = report["shuffled_recall@100"]
    said = [
        f"{report['training_interactions']:,} interactions trained; catalogue of {report['items']:,} items, ranked whole.",
        f"Labels shuffled by lot: the graph's recall@100 is {chance[GRAPH]:.4f}, chance is {chance['chance']:.4f}.",
        f"Scores of the served ranker and of its model in this process differ by at most "
        f"{report['served_and_offline_scores_differ_by']:.1e}.",
        f"The whole took {report['seconds']:.0f} s and at most {report['peak_rss_mb']:,.0f} MB.",
    ]
    lines = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f"<h2>How it was made</h2><ul>{lines}</ul>{_table(['baseline', 'trials', 'validation', 'chosen'], tried)}"


def _in_order(results: Mapping[str, Any]) -> list[str]:
    return sorted(results, key=lambda name: -results[name][HEADLINE]["mean"])


def _figure(interval: Mapping[str, float] | None) -> str:
    return "" if interval is None else f"{interval['mean']:.4f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = (
        f"<tr{' class=strong' if row[0] == GRAPH else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(lines)}</table></div>'
