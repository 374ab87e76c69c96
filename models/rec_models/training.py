"""From interactions to trained models: towers trained on from cut to cut, requests between the cuts, then the ranker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import RANKED_SOURCES
from inference_graph.fusion import fuse
from rec_models.calibration import fit_platt
from rec_models.configuration import Ranking, Retrieval
from rec_models.data.dataset import Seen
from rec_models.eras import Era, era_of, examples_of, retrieve
from rec_models.event_table import EventTable
from rec_models.examples import (
    Examples,
    FeaturesAt,
    aggregates,
    choose_moments,
    choose_newest_moments,
    cut_times,
    gains_of,
    newest_of_users,
)
from rec_models.item_to_item import Neighbours
from rec_models.learning import LearningCurve
from rec_models.measures import by_rank, ndcg, recall
from rec_models.popularity import popularity
from rec_models.proposals import SOURCE_WEIGHTS, content_neighbours
from rec_models.ranker import Ranker
from rec_models.ranking_training import RequestTable, fit_ranker, new_ranker, scores_of
from rec_models.retrieval_training import TwoTower, fit, new_two_tower
from rec_models.sequences import Indices, Sequences

FOUND_DEPTHS = (100, 500)
Advance = Callable[[float], None]
Phase = Callable[[str], AbstractContextManager[Advance]]
"""Opens a named phase of the work; what it gives is told what share of the phase has been done since it was last told."""


@dataclass(frozen=True, eq=False)
class Given:
    """Everything that training reads; `content` float32 [N, D], rows of length one or zero."""

    sequences: Sequences
    content: NDArray[np.float32]
    seen: Seen
    features_at: FeaturesAt
    retrieval: Retrieval
    ranking: Ranking


@dataclass(frozen=True, eq=False)
class Trained:
    """The models, what they knew at the end of the data, and what they reached on requests that nothing was trained on.

    `learning` by model; `requests` are those that the ranker was trained on.
    """

    towers: TwoTower
    ranker: Ranker
    era: Era
    cuts: tuple[float, ...]
    held_out_from: float
    metrics: Mapping[str, float]
    learning: Mapping[str, LearningCurve] = field(default_factory=dict)
    requests: RequestTable | None = None


def train_models(given: Given, phase: Phase) -> Trained:
    """Trains both models on all interactions; the metrics come from the newest requests, with what was known at the last cut."""
    sequences, ranking = given.sequences, given.ranking
    with phase("nearness of content"):
        similar = content_neighbours(given.content, ranking.proposing.neighbours)
    past = past_requests(given)
    towers, table = new_two_tower(given.content, given.retrieval), EventTable(sequences)
    eras, after_cuts, checks = through_time(given, similar, towers, table, past, phase)
    found = _retrieval_metrics(given, towers, eras[-1], table, checks)
    newest_era, at_newest = at_newest_moments(given, similar, towers, table, past, phase)
    eras, examples = [*eras, newest_era], Examples.joined([after_cuts, at_newest])
    with phase("features as of each request"):
        known, known_checks = (aggregates(part, sequences, given.features_at) for part in (examples, checks))
    requests = RequestTable(examples, known, eras, given.content, table)
    with phase("ranking") as advance:
        ranker = new_ranker(requests, ranking)
        ranking_curve = fit_ranker(ranker, requests, ranking, advance)
    with phase("validation"):
        scores = scores_of(ranker, RequestTable(checks, known_checks, eras, given.content, table))
        present = checks.candidates > 0
        ranker.calibrate(*fit_platt(scores[present], checks.gains[present] >= 1.0))
        metrics = {**found, **_ranking_metrics(checks, scores)}
    with phase("retrieval, all interactions") as advance:
        retrieval_curve = fit(towers, sequences, given.retrieval, given.retrieval.final_share, advance)
        era = _era(given, similar, towers, sequences, float(sequences.times.max()))
    learning = {"retrieval": retrieval_curve, "ranking": ranking_curve}
    return Trained(towers, ranker, era, tuple(past.cuts.tolist()), past.judged_from, metrics, learning, requests)


@dataclass(frozen=True, eq=False)
class PastRequests:
    """The moments of the ranker's requests. Times in seconds since 1970.

    `after_cuts` are asked for with what was known at the cut before them; from `judged_from` on they only judge. `newest` are of
    each user's newest moments, asked for with `settled`, all else that ever happened: as when served, when the towers know what a
    user and all others did until now. After a cut they know less of both.
    """

    cuts: NDArray[np.float64]
    after_cuts: Indices
    judged_from: float
    held_out: Indices
    newest: Indices
    settled: Sequences


def past_requests(given: Given) -> PastRequests:
    sequences, ranking = given.sequences, given.ranking
    cuts = cut_times(sequences, ranking.cuts)
    moments = choose_moments(sequences, cuts, ranking)
    held_out = moments[int(len(moments) * (1 - ranking.held_out)) :]
    judged_from = float(sequences.times[held_out].min())
    of_newest = newest_of_users(sequences, ranking.newest_share)
    newest = choose_newest_moments(sequences, of_newest, judged_from, ranking)
    return PastRequests(cuts, moments, judged_from, held_out, newest, sequences.where(~of_newest))


def through_time(
    given: Given,
    similar: Neighbours,
    towers: TwoTower,
    table: EventTable,
    past: PastRequests,
    phase: Phase,
) -> tuple[list[Era], Examples, Examples]:
    """At each cut the towers learn on, then answer the requests up to the next one: to train on, thinned, and held-out, whole."""
    sequences, ranking, random = given.sequences, given.ranking, np.random.default_rng(given.ranking.seed)
    cuts, moments = past.cuts, past.after_cuts
    number = np.searchsorted(cuts, sequences.times[moments], side="right") - 1
    eras: list[Era] = []
    parts: list[Examples] = []
    checks: list[Examples] = []
    for cut, time in enumerate(cuts.tolist()):
        with phase(f"retrieval, cut {cut + 1} of {len(cuts)}") as advance:
            fit(towers, past.settled.before(time), given.retrieval, given.retrieval.refresh_share if cut else 1.0, advance)
        with phase("requests of the past") as advance:
            eras.append(_era(given, similar, towers, sequences.before(time), time - 1.0))
            own = moments[number == cut]
            whole = examples_of(eras[-1], cut, towers, sequences, table, own, given.seen, ranking)
            checked = np.isin(own, past.held_out)
            parts.append(whole.take(~checked).thinned(ranking.sampled_candidates, random))
            checks.append(whole.take(checked))
            advance(1.0 / len(cuts))
    return eras, Examples.joined(parts), Examples.joined(checks)


def at_newest_moments(
    given: Given, similar: Neighbours, towers: TwoTower, table: EventTable, past: PastRequests, phase: Phase
) -> tuple[Era, Examples]:
    """The last era of training, numbered after those of the cuts, and its requests, thinned."""
    ranking = given.ranking
    with phase("retrieval, all but the newest") as advance:
        fit(towers, past.settled, given.retrieval, given.retrieval.refresh_share, advance)
    with phase("requests of the newest moments"):
        era = _era(given, similar, towers, past.settled, float(given.sequences.times.max()))
        whole = examples_of(era, len(past.cuts), towers, given.sequences, table, past.newest, given.seen, ranking)
        return era, whole.thinned(ranking.sampled_candidates, np.random.default_rng(ranking.seed))


def _era(given: Given, similar: Neighbours, towers: TwoTower, known: Sequences, time: float) -> Era:
    rows = np.arange(known.item_count, dtype=np.int32)
    popular = np.argsort(-popularity(given.features_at.items(rows, np.full(len(rows), time))), kind="stable").astype(np.int32)
    return era_of(towers, known, similar, popular, given.ranking)


def _retrieval_metrics(given: Given, towers: TwoTower, era: Era, table: EventTable, checks: Examples) -> dict[str, float]:
    rows = retrieve(era, towers, table, checks.moments, given.seen, FOUND_DEPTHS[-1])[1]
    relevant = gains_of(given.sequences, checks.moments, rows, given.ranking)[0] >= 1.0
    return {f"recall@{depth} retrieval": recall(relevant, checks.positives, depth) for depth in FOUND_DEPTHS}


def _ranking_metrics(checks: Examples, scores: NDArray[np.float32]) -> dict[str, float]:
    relevant, positives = checks.gains >= 1.0, checks.positives
    orders = {"ranker": scores, "fusion": np.where(checks.candidates > 0, fuse(checks.ranks, SOURCE_WEIGHTS), -np.inf)}
    orders |= {name: by_rank(checks, source) for source, name in enumerate(RANKED_SOURCES)}
    found = {f"ndcg@10 {name}": ndcg(order, relevant, positives) for name, order in orders.items()}
    return {**found, "requests": float(len(checks)), "recall of all candidates": recall(relevant, positives, relevant.shape[1])}
