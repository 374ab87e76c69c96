"""From rankings to what a report says: means with intervals, differences, segments, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rec_models.evaluation.ablation import WHOLE, examined
from rec_models.evaluation.contestants import CAPPED, GRAPH, LEARNED, STAGES, Answers
from rec_models.evaluation.intervals import interval, smallest_shown
from rec_models.evaluation.metrics import HEADLINE, beyond_accuracy, by_user, found
from rec_models.evaluation.plan import NEW_ITEMS, SERVED, Plan
from rec_models.evaluation.rankings import DEPTH, Rows
from rec_models.evaluation.requests import Requests

HEAD_SHARE = 0.2
BINS = 10
DEPTHS = (10, 20, 50, 100, 200, 300, 500)
SEGMENT_METRICS = (HEADLINE, "recall@50")
Figures = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class Measured:
    """Per contestant, metric: mean, low, high. `differences`: the graph minus each other contestant, in the same shape."""

    results: Figures
    differences: Figures


def measure(rows: Mapping[str, Rows], requests: Requests, metrics: tuple[str, ...] = (), further: Sequence[Rows] = ()) -> Measured:
    """All metrics that a ranking's depth allows (or only `metrics`), of the users for whom something is wanted.

    The graph's value of a user is the mean over its own and `further` rankings, those of other seeds. What the caps cost is the difference
    to its own, which were made by the same training.
    """
    values = {name: _by_user(own, requests, metrics) for name, own in rows.items()}
    seeded = [values[GRAPH], *(_by_user(own, requests, metrics) for own in further)]
    values[GRAPH] = {metric: np.mean([each[metric] for each in seeded], axis=0) for metric in values[GRAPH]}
    results = {name: {metric: asdict(interval(value)) for metric, value in own.items()} for name, own in values.items()}
    differences = {
        name: {
            metric: asdict(interval((seeded[0] if name == CAPPED else values[GRAPH])[metric] - value))
            for metric, value in own.items()
            if metric in values[GRAPH]
        }
        for name, own in values.items()
        if name != GRAPH
    }
    return Measured(results, differences)


def best_baseline(results: Figures) -> str:
    """The best by HEADLINE of all that is not the graph as a whole and not LEARNED."""
    others = [name for name in results if name not in (GRAPH, CAPPED, LEARNED)]
    return max(others, key=lambda name: results[name][HEADLINE]["mean"])


def segments(plan: Plan, requests: Requests) -> dict[str, Requests]:
    """The test requests of new, light and heavy users (light: at most the median number of training events), the test items among the
    HEAD_SHARE most popular ones or not, and where some were not liked, the liked ones.
    """
    known = plan.split.known
    events = np.bincount(known.users, minlength=len(known.user_ids))[requests.users]
    middle = np.median(events[events > 0]) if (events > 0).any() else 0
    counts = np.bincount(known.items, minlength=known.item_count)
    head = np.isin(requests.items, np.argsort(-counts, kind="stable")[: int(HEAD_SHARE * (counts > 0).sum())])
    of_users = {"new users": events == 0, "light users": (events > 0) & (events <= middle), "heavy users": events > middle}
    parts = {name: requests.take(np.flatnonzero(chosen)) for name, chosen in of_users.items() if chosen.any()}
    liked = requests.liked()
    parts |= {"head items": requests.where(head), "tail items": requests.where(~head)}
    return parts if liked.all() else parts | {"liked items": requests.where(liked)}


def chosen_rows(rows: Rows, whole: Requests, part: Requests) -> Rows:
    """The rankings of those requests of `whole` that are in `part`."""
    return rows[np.searchsorted(whole.cut, part.cut)] if len(part) < len(whole) else rows


def recall_by_depth(rows: Mapping[str, Rows], requests: Requests) -> dict[str, list[float]]:
    """The share of wanted items found up to each of DEPTHS."""
    wanted = np.bincount(requests.owner, minlength=len(requests))
    curves = {}
    for name, own in rows.items():
        hits = own[requests.owner] == requests.items[:, None]
        place = np.where(hits.any(axis=1), hits.argmax(axis=1), DEPTH)
        share = [np.bincount(requests.owner, place < depth, minlength=len(requests)) / wanted for depth in DEPTHS]
        curves[name] = [float(by_user(each, requests.users).mean()) for each in share]
    return curves


def ablated(without: Mapping[str, Rows], requests: Requests) -> dict[str, Any]:
    """HEADLINE of the model's own order minus that of its order without each part."""
    part = requests.take(examined(requests))
    differences = measure({GRAPH: without[WHOLE], **without}, part, (HEADLINE,)).differences
    return {"requests": len(part), HEADLINE: {name: own[HEADLINE] for name, own in differences.items() if name != WHOLE}}


def calibration(scores: NDArray[np.float32], rows: Rows, requests: Requests) -> dict[str, Any]:
    """How often what was ranked with a score came: bins of equally many (request, item) pairs, and their mean gap weighted by size."""
    wanted = np.zeros(rows.shape, np.bool_)
    for own, item in zip(requests.owner.tolist(), requests.items.tolist(), strict=True):
        wanted[own] |= rows[own] == item
    there = ~np.isnan(scores) & (rows >= 0)
    order = np.argsort(scores[there], kind="stable")
    bins = [(float(s.mean()), float(w.mean()), len(s)) for s, w in _binned(scores[there][order], wanted[there][order])]
    gap = sum(size * abs(said - came) for said, came, size in bins) / max(1, sum(size for _, _, size in bins))
    return {"bins": [{"said": said, "came": came, "pairs": size} for said, came, size in bins], "mean_gap": gap}


def shuffled(rows: Mapping[str, Rows], requests: Requests, item_count: int, seed: int = 1) -> dict[str, float]:
    """recall@100 where every wanted item is replaced by another by lot: what leaks would lift above 100 / items."""
    lot = np.random.default_rng(seed).permutation(item_count).astype(np.int32)
    wanted = lot[requests.items]
    hits = {name: (own[requests.owner][:, :100] == wanted[:, None]).any(axis=1) for name, own in rows.items() if own.shape[1] >= 100}
    return {"chance": 100.0 / item_count, **{name: float(hit.mean()) for name, hit in hits.items()}}


def without_repeats(requests: Requests) -> Requests:
    return requests.where(~requests.repeated())


def _binned(scores: NDArray[np.float32], wanted: NDArray[np.bool_]) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Half of the bins hold the highest tenth: there it is decided what is shown."""
    count = len(scores)
    edges = np.unique(np.concatenate([np.linspace(0, 0.9, BINS // 2 + 1), np.linspace(0.9, 1.0, BINS // 2 + 1)]))
    cuts = np.unique((edges * count).astype(int))
    return [(scores[a:b], wanted[a:b]) for a, b in pairwise(cuts.tolist())]


def _by_user(rows: Rows, requests: Requests, metrics: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
    return {
        name: by_user(values, requests.users)
        for name, values in found(rows, requests).items()
        if int(name.split("@")[1]) <= rows.shape[1] and (not metrics or name in metrics)
    }


def summary(plan: Plan, answers: Answers, vectors: NDArray[np.float32]) -> dict[str, Any]:
    """The report's content, as its JSON has it, without what the run itself cost; `vectors` are the items' contents [N, D]."""
    requests, known = plan.split.test, plan.split.known
    rows = {name: each.rows[SERVED] for name, each in answers.contestants.items()}
    counts = np.bincount(known.items, minlength=known.item_count)
    return {
        **_about(plan),
        **_headline(rows, [each[SERVED] for each in answers.further], requests),
        "segments": {name: _segment(rows, requests, part) for name, part in segments(plan, requests).items()},
        "recall_by_depth": {"depths": list(DEPTHS), **recall_by_depth({n: rows[n] for n in (GRAPH, *STAGES)}, requests)},
        "beyond_accuracy": {name: beyond_accuracy(own, counts, vectors) for name, own in rows.items()},
        "ablation": ablated(answers.without, requests),
        "calibration": calibration(answers.scores, rows[GRAPH], requests),
        "shuffled_recall@100": shuffled(rows, requests, known.item_count),
        "served_and_offline_scores_differ_by": answers.offline_gap,
        "contestants": {name: dict(each.facts) for name, each in answers.contestants.items()},
        **_new_items(plan, answers),
    }


def _about(plan: Plan) -> dict[str, Any]:
    requests, description = plan.split.test, plan.dataset.description
    return {
        "data": description.name,
        "protocol": plan.protocol,
        "last": plan.last,
        "ties": description.ties,
        "seen": description.seen.mode,
        "users": len(np.unique(requests.users)),
        "requests": len(requests),
        "wanted": len(requests.wanted),
        "users_left_out": plan.split.left_out,
        "training_interactions": len(plan.split.known),
        "items": requests.sequences.item_count,
    }


def _headline(rows: Mapping[str, Rows], further: Sequence[Rows], requests: Requests) -> dict[str, Any]:
    whole = measure(rows, requests, further=further)
    best = best_baseline(whole.results)
    graphs = [_by_user(own, requests, (HEADLINE,))[HEADLINE] for own in (rows[GRAPH], *further)]
    gaps = np.mean(graphs, axis=0) - _by_user(rows[best], requests, (HEADLINE,))[HEADLINE]
    return {
        "results": whole.results,
        "graph_by_seed": [float(each.mean()) for each in graphs],
        "best_baseline": best,
        "graph_minus_best_baseline": whole.differences[best],
        "graph_minus": {name: own[HEADLINE] for name, own in whole.differences.items()},
        "smallest_difference_shown": smallest_shown(gaps),
    }


def _segment(rows: Mapping[str, Rows], whole: Requests, part: Requests) -> dict[str, Any]:
    own = {name: chosen_rows(each, whole, part) for name, each in rows.items() if name != CAPPED}
    return {"wanted": len(part.wanted), "results": measure(own, part, SEGMENT_METRICS).results}


def _new_items(plan: Plan, answers: Answers) -> dict[str, Any]:
    """Where repeats exist: what is hidden is what the user had, and only what is new to the user is wanted."""
    if NEW_ITEMS not in plan.seen:
        return {}
    part = without_repeats(plan.split.test)
    rows = {name: each.rows[NEW_ITEMS] for name, each in answers.contestants.items() if NEW_ITEMS in each.rows}
    measured = measure(rows, part, further=[each[NEW_ITEMS] for each in answers.further])
    best = best_baseline(measured.results)
    figures = {"best_baseline": best, "graph_minus_best_baseline": measured.differences[best]}
    return {NEW_ITEMS: {"wanted": len(part.wanted), "results": measured.results, **figures}}
