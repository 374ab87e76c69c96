"""The retrieval model that fits the catalogue's size: exact, or over inverted lists with a recall that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.features import HISTORY_LENGTH
from rec_models.eras import retrieve
from rec_models.event_table import EventTable
from rec_models.inverted_lists import InvertedLists, inverted_lists
from rec_models.sequences import Indices, Sequences
from rec_models.served_lists import ServedLists
from rec_models.served_models import ServedRetrieval
from rec_models.training import Given, Trained

WORTHWHILE = 0.5
"""Where more than this share of the catalogue would have to be scored for the recall, all of it is."""
FEWEST_USERS = 8
"""Of fewer nothing could be said of recall."""
CURVE = (16, 32, 64, 128, 256, 512, 1024, 2048)


def retrieval_model(item_ids: Sequence[str], given: Given, trained: Trained) -> tuple[tf.Module, dict[str, Any]]:
    """The module to publish, and what its card says of the catalogue's size."""
    settings, hidden, era = given.retrieval, given.seen.mode == "ever", trained.era
    answer = min(settings.answer, len(item_ids))
    exact = ServedRetrieval(item_ids, trained.towers.users, era, hidden, settings.answer)
    if len(item_ids) < settings.lists.above or len(given.sequences.user_ids) < FEWEST_USERS:
        return exact, {"catalogue_limit": _exact_words(settings.lists.above)}
    users, best = _asked(given, trained, answer)
    # The lists fit the users that they were made from: what they reach is seen on others, and counted on others again.
    chosen, checked = (users[1::4], best[1::4]), (users[3::4], best[3::4])
    lists = inverted_lists(era.vectors[1:], era.attraction[1:], users[::2], settings.lists)
    held = lists.recall(*chosen)
    probes = max(1 + int(np.searchsorted(held, settings.lists.recall)), lists.enough(answer + (HISTORY_LENGTH if hidden else 0)))
    if probes * lists.rows.shape[1] > WORTHWHILE * len(item_ids):
        return exact, {"catalogue_limit": _exact_words(settings.lists.above, refused=True)}
    facts = _facts(lists, probes, lists.recall(*checked), answer, len(checked[0]))
    served = ServedLists(item_ids, trained.towers.users, era, hidden, settings.answer, lists, probes)
    return served, {"catalogue_limit": _list_words(facts), "lists": facts}


def _asked(given: Given, trained: Trained, answer: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vectors [R, D] of users as they came for their last item, and what the exact search answers them, rows [R, answer]."""
    moments = np.random.default_rng(0).permutation(_last_moments(given.sequences))[: given.retrieval.lists.users]
    return retrieve(trained.era, trained.towers, EventTable(given.sequences), moments, given.seen, answer)


def _last_moments(sequences: Sequences) -> Indices:
    last = np.append(np.flatnonzero(np.diff(sequences.users)), len(sequences) - 1)
    return np.asarray(sequences.moment[last])


def _facts(lists: InvertedLists, probes: int, recall: NDArray[np.float64], answer: int, users: int) -> dict[str, Any]:
    curve = {str(count): round(float(recall[count - 1]), 4) for count in CURVE if count <= len(recall)}
    return {
        "lists": len(lists.rows),
        "length": lists.rows.shape[1],
        "probes": probes,
        "recall": round(float(recall[probes - 1]), 4),
        "recall_at": answer,
        "users": users,
        "recall_by_probes": curve,
    }


def _exact_words(above: int, refused: bool = False) -> str:
    words = "Every item is scored, exactly, in each call"
    if refused:
        return f"{words}: inverted lists would have had to score more than half of them for the recall that is set."
    return f"{words}. From {above:,} items on (retrieval.yaml, lists.above) inverted lists are written instead."


def _list_words(facts: Mapping[str, Any]) -> str:
    return (
        f"Inverted lists: each call scores {facts['probes']:,} of {facts['lists']:,} lists of at most {facts['length']} items. "
        f"Recall@{facts['recall_at']} against the exact search {facts['recall']:.3f}, on requests of {facts['users']:,} users "
        "for whom neither the lists nor their number were chosen."
    )
