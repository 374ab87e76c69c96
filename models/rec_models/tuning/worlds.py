"""What a trial trains on and is judged by, made once for all trials; plain arrays, so that it travels to any worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rec_models.configuration import Ranking, Retrieval
from rec_models.data.dataset import Seen
from rec_models.eras import ItemVectors
from rec_models.event_table import EventTable
from rec_models.examples import Aggregates, Examples, aggregates
from rec_models.proposals import content_neighbours
from rec_models.retrieval_training import new_two_tower
from rec_models.sequences import Indices, Sequences
from rec_models.training import Given, Phase, at_newest_moments, past_requests, through_time

FOUND = 100


@dataclass(frozen=True, eq=False)
class RetrievalWorld:
    """Towers are trained on what had happened before `cut`, in seconds since 1970, and asked for `depth` items at `checks`, all later."""

    sequences: Sequences
    content: NDArray[np.float32]
    seen: Seen
    settings: Retrieval
    ranking: Ranking
    cut: float
    checks: Indices
    depth: int = FOUND


@dataclass(frozen=True, eq=False)
class RankingWorld:
    """Requests to train on and later ones to be judged by, each with what was known then; `eras` by number."""

    sequences: Sequences
    content: NDArray[np.float32]
    settings: Ranking
    eras: tuple[ItemVectors, ...]
    examples: Examples
    known: Aggregates
    checks: Examples
    known_checks: Aggregates


def without_newest(given: Given, moments: int) -> Given:
    """Each user's newest `moments` timestamps are left out: they are what evaluation predicts."""
    sequences = given.sequences
    last = np.zeros(len(sequences.user_ids), np.int64)
    np.maximum.at(last, sequences.users, sequences.moment_number)
    return replace(given, sequences=sequences.where(sequences.moment_number <= last[sequences.users] - moments))


def retrieval_world(given: Given, phase: Phase) -> RetrievalWorld:
    past = past_requests(given)
    return RetrievalWorld(
        given.sequences, given.content, given.seen, given.retrieval, given.ranking, past.judged_from, past.held_out
    )


def ranking_world(given: Given, phase: Phase) -> RankingWorld:
    """Trains the towers through time, as `train` does, and keeps what the ranker is given."""
    with phase("nearness of content"):
        similar = content_neighbours(given.content, given.ranking.proposing.neighbours)
    past = past_requests(given)
    towers, table = new_two_tower(given.content, given.retrieval), EventTable(given.sequences)
    eras, after_cuts, checks = through_time(given, similar, towers, table, past, phase)
    newest_era, at_newest = at_newest_moments(given, similar, towers, table, past, phase)
    examples = Examples.joined([after_cuts, at_newest])
    with phase("features as of each request"):
        known, known_checks = (aggregates(part, given.sequences, given.features_at) for part in (examples, checks))
    items = tuple(ItemVectors(era.vectors, era.attraction) for era in [*eras, newest_era])
    return RankingWorld(given.sequences, given.content, given.ranking, items, examples, known, checks, known_checks)
