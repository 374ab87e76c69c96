"""One trial: a model trained with some hyper-parameters changed, judged as it learns by requests that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rec_models.eras import ItemVectors, retrieve
from rec_models.event_table import EventTable
from rec_models.examples import gains_of
from rec_models.measures import ndcg, recall
from rec_models.ranking_training import RequestTable, fit_ranker, new_ranker, scores_of
from rec_models.retrieval_training import fit, new_two_tower
from rec_models.tuning.spaces import Changes
from rec_models.tuning.worlds import FOUND, RankingWorld, RetrievalWorld

METRICS = {"retrieval": f"recall@{FOUND}", "ranking": "ndcg@10"}
REPORTS = 6
"""How many times a trial that is not stopped reports, at equal shares of its steps."""
Report = Callable[[int, float], None]
"""Is told the number of the report, from 1, and the metric then."""


def retrieval_trial(world: RetrievalWorld, changes: Changes, report: Report) -> None:
    """Reports recall@100 of the towers alone."""
    settings = world.settings.model_copy(update=dict(changes))
    towers, table = new_two_tower(world.content, settings), EventTable(world.sequences)
    rows = np.arange(world.sequences.item_count + 1)

    def found() -> float:
        items = ItemVectors(towers.items(rows).numpy(), towers.items.attraction.numpy())
        top = retrieve(items, towers, table, world.checks, world.seen, world.depth)[1]
        gains, positives = gains_of(world.sequences, world.checks, top, world.ranking)
        return recall(gains >= 1.0, positives, world.depth)

    fit(towers, world.sequences.before(world.cut), settings, 1.0, _reporting(found, report))


def ranking_trial(world: RankingWorld, changes: Changes, report: Report) -> None:
    """Reports NDCG@10 of the ranker over the candidates of each request."""
    settings = world.settings.model_copy(update=dict(changes))
    table = EventTable(world.sequences)
    requests = RequestTable(world.examples, world.known, world.eras, world.content, table)
    checks = RequestTable(world.checks, world.known_checks, world.eras, world.content, table)
    ranker, relevant = new_ranker(requests, settings), world.checks.gains >= 1.0

    def found() -> float:
        return ndcg(scores_of(ranker, checks), relevant, world.checks.positives)

    fit_ranker(ranker, requests, settings, _reporting(found, report))


def _reporting(measure: Callable[[], float], report: Report) -> Callable[[float], None]:
    done, reported = 0.0, 0

    def advance(share: float) -> None:
        nonlocal done, reported
        done += share
        while reported < REPORTS and done * REPORTS > reported + 1 - 1e-6:
            reported += 1
            report(reported, measure())

    return advance
