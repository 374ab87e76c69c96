"""A small invented shop and quick settings, for tests of the models: what follows what is known, and a minute is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import ITEM_FEATURES, USER_FEATURES
from rec_models.configuration import Proposing, Ranking, Retrieval
from rec_models.data.dataset import Seen
from rec_models.item_to_item import ItemToItem
from rec_models.sequences import Sequences
from rec_models.training import Advance, Given

ITEMS, USERS, EVENTS = 60, 80, 20
BEGINNING = 1_600_000_000.0
QUICK_RETRIEVAL = Retrieval(dimensions=16, content_dimensions=8, heads=2, epochs=6, batch=128, negatives=64, answer=40)
QUICK_RANKING = Ranking(
    proposing=Proposing(two_tower=20, similar_to_liked=20, next_item=20, popular=20, neighbours=10, candidates=40),
    item_to_item=ItemToItem(neighbours=10),
    cuts=(0.5, 0.8),
    requests=300,
    sampled_candidates=24,
    hidden=(16,),
    epochs=12,
)


def small_sequences(seed: int = 0, rated: bool = True) -> Sequences:
    """Users walk along the ring of items: after item i come i + 1 or i + 2, every hour; some are given low marks at random."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(USERS, dtype=np.int32), EVENTS)
    steps = random.integers(1, 3, (USERS, EVENTS))
    items = (random.integers(ITEMS, size=(USERS, 1)) + steps.cumsum(axis=1)) % ITEMS
    times = BEGINNING + 86_400.0 * random.integers(30, size=(USERS, 1)) + 3_600.0 * np.arange(EVENTS)
    return Sequences(
        users=users,
        items=items.ravel().astype(np.int32),
        times=times.ravel(),
        values=random.choice(np.array([2.0, 4.0, 5.0], np.float32), len(users)),
        rated=np.full(len(users), rated),
        user_ids=np.array([f"u{number:03}" for number in range(USERS)]),
        item_count=ITEMS,
    )


def small_item_ids() -> list[str]:
    return [f"i{number:03}" for number in range(ITEMS)]


def small_content(seed: int = 0) -> NDArray[np.float32]:
    """Vectors of length one, float32 [N, 8]; the last item says nothing."""
    vectors = np.random.default_rng(seed).standard_normal((ITEMS, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-1] = 0.0
    return vectors


class NothingKnown:
    """Point-in-time features (rec_models.examples.FeaturesAt) that are all defaults."""

    def items(self, rows: NDArray[np.int32], times: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.zeros((len(rows), len(ITEM_FEATURES)), np.float32)

    def users(self, users: NDArray[np.int32], times: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.zeros((len(users), len(USER_FEATURES)), np.float32)


def small_given(rated: bool = True) -> Given:
    seen = Seen("ever") if rated else Seen("off")
    return Given(small_sequences(rated=rated), small_content(), seen, NothingKnown(), QUICK_RETRIEVAL, QUICK_RANKING)


@contextmanager
def silent_phase(name: str) -> Iterator[Advance]:
    yield lambda share: None
