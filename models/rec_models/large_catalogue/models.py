"""Models of an invented catalogue: untrained towers over its vectors, exported as every trained model is."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.catalogue import CatalogueArrays
from inference_graph.features import DAY_SECONDS, ITEM_FEATURES, RANKED_SOURCES, USER_FEATURES
from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration
from rec_models.data.dataset import Seen
from rec_models.eras import Era
from rec_models.event_table import EventTable
from rec_models.item_to_item import Neighbours
from rec_models.neighbour_lookup import NeighbourLookup
from rec_models.proposals import Sources
from rec_models.publishing import publish_models
from rec_models.ranker import Ranker
from rec_models.ranker_signals import fixed_signals
from rec_models.ranking_request import Request
from rec_models.retrieval_training import TwoTower, new_two_tower
from rec_models.sequences import Sequences
from rec_models.served_models import ServedRetrieval
from rec_models.testing import NothingKnown
from rec_models.training import Given, Trained

NEIGHBOURS = 20
"""The ranking model's own tables hold as many neighbours an item, a fifth of a trained one's: they are its memory, not its time."""
CHECKED = 100


def publish(folder: Path, arrays: CatalogueArrays, events: Sequences, checks: Path) -> None:
    """Versions of both models in `folder`; `checks` gets requests and what the exact search answers them (npz)."""
    retrieval, ranking = read_configuration(Retrieval, CONFIGS / "retrieval.yaml"), read_configuration(Ranking, CONFIGS / "ranking.yaml")
    item_ids = [item_id.decode() for item_id in arrays.item_ids.tolist()]
    content = np.asarray(arrays.vectors, np.float32)
    given = Given(events, content, Seen("ever"), NothingKnown(), retrieval, ranking)
    towers, era = _towers(retrieval), _era(arrays, content, ranking.item_to_item.linear_items)
    trained = Trained(towers, _ranker(ranking, era, content, EventTable(events)), era, (0.0,), 0.0, {})
    publish_models(folder, item_ids, given, trained, {"data": f"{len(item_ids):,} invented items", "data_hash": folder.parent.name})
    _write_checks(checks, ServedRetrieval(item_ids, towers.users, era, True, retrieval.answer), events, item_ids)


def _towers(settings: Retrieval) -> TwoTower:
    """A user is mostly the mean of the history; of the item tower nothing but its vectors is ever used, and the era holds those."""
    towers = new_two_tower(np.zeros((1, settings.content_dimensions), np.float32), settings)
    keras.utils.set_random_seed(settings.seed)
    towers.users.out.kernel.assign(0.2 * towers.users.out.kernel)
    return towers


def _era(arrays: CatalogueArrays, content: NDArray[np.float32], linear_items: int) -> Era:
    unknown = np.zeros((1, content.shape[1]), np.float32)
    popular = np.log1p(arrays.features[:, 0])
    attraction = np.concatenate([[0.0], 0.02 * (popular - popular.mean())]).astype(np.float32)
    neighbours = Neighbours(arrays.next_rows[:, :NEIGHBOURS], arrays.next_scores[:, :NEIGHBOURS])
    nothing = np.empty(0, np.int32)
    few = Neighbours(np.where(np.arange(len(neighbours.rows))[:, None] < linear_items, neighbours.rows, -1), neighbours.scores)
    lookup = NeighbourLookup([neighbours, neighbours, neighbours, few])  # as many as rec_models.eras has
    return Era(np.concatenate([unknown, content]), attraction, Sources(neighbours, neighbours, nothing), lookup)


def _ranker(settings: Ranking, era: Era, content: NDArray[np.float32], table: EventTable) -> Ranker:
    """Untrained: what it costs does not depend on what it has learnt."""
    history, candidates = table.histories(tf.constant([0])), tf.constant([[1, 2]])
    vectors = tf.zeros([1, 2, content.shape[1]])
    request = Request(
        history=history,
        candidates=candidates,
        history_vectors=(tf.gather(vectors, tf.zeros_like(history.items), batch_dims=1),) * 2,
        candidate_vectors=(vectors, vectors),
        retrieval=tf.zeros([1, 2]),
        neighbours=era.lookup(history.items, candidates),
        ranks=tf.zeros([1, 2, len(RANKED_SOURCES)]),
        item_features=tf.zeros([1, 2, len(ITEM_FEATURES)]),
        user_features=tf.zeros([1, len(USER_FEATURES)]),
        day=tf.zeros([1]),
    )
    width = fixed_signals(request).shape[-1]
    ranker = Ranker(settings)
    ranker.prepare(np.zeros(width, np.float32), np.ones(width, np.float32))
    return ranker


def _write_checks(path: Path, exact: ServedRetrieval, events: Sequences, item_ids: list[str]) -> None:
    users = range(min(CHECKED, len(events.user_ids)))
    own = [np.flatnonzero(events.users == user)[::-1] for user in users]
    asked = {
        "history_ids": np.array([[item_ids[row].encode() for row in events.items[index]] for index in own]),
        "history_ages": np.array([(events.times.max() - events.times[index]) / DAY_SECONDS for index in own], np.float32),
        "history_values": np.array([events.values[index] for index in own], np.float32),
        "history_rated": np.ones((len(own), len(own[0])), np.float32),
    }
    exactly = [exact.serve(**{name: tf.constant(values[i : i + 1]) for name, values in asked.items()})["item_ids"][0] for i in users]
    np.savez(path, **asked, exact=np.array([answer.numpy().tolist() for answer in exactly]))  # type: ignore[arg-type]
