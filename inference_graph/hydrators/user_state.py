"""From what is stored of a user and what the request brings to the state that the stages see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue
from inference_graph.clients import StoredEvent, StoredUser
from inference_graph.features import interaction_value, tie_break
from inference_graph.types import Event, History, Query, Rows, UserState, default_user_features

LONGEST_HISTORY = 500


def user_state(
    query: Query,
    stored: StoredUser | None,
    features: NDArray[np.float32] | None,
    blocked: frozenset[str],
    type_values: Mapping[str, float],
) -> UserState:
    """The user as of `query.now`; later events are left out. On a page of one item the history is that item alone."""
    events: Sequence[StoredEvent | Event] = stored.events if stored else ()
    if query.item_id is not None:
        events = _newest_first(query.user_id or "", (event for event in query.session if event.item_id == query.item_id))
    elif query.session:
        events = _newest_first(query.user_id or "", [*events, *query.session])
    older = stored.older if stored and query.item_id is None else ()
    known = features is not None or bool(stored and stored.events)
    return UserState(
        known=known,
        features=default_user_features() if features is None else features,
        history=history_of(query, events, type_values),
        older=query.catalogue.rows_of(list(older)),
        blocked=blocked_rows(query.catalogue, blocked),
        complete=stored is not None,
    )


def history_of(query: Query, events: Sequence[StoredEvent | Event], type_values: Mapping[str, float]) -> History:
    """Of events in the history's order."""
    visible = [event for event in events if event.timestamp <= query.now][:LONGEST_HISTORY]
    item_ids = tuple(event.item_id for event in visible)
    return History(
        item_ids=item_ids,
        rows=query.catalogue.rows_of(item_ids),
        values=np.array([interaction_value(e.type, e.value, type_values) for e in visible], np.float32),
        timestamps=np.array([event.timestamp for event in visible], np.float64),
        rated=np.array([event.type == "rating" for event in visible], np.bool_),
    )


def _newest_first(user_id: str, events: Iterable[StoredEvent | Event]) -> list[StoredEvent | Event]:
    ordered: list[StoredEvent | Event] = []
    for timestamp, together in groupby(sorted(events, key=lambda e: -e.timestamp), key=lambda e: e.timestamp):
        same = list(together)
        if len(same) > 1:
            same.sort(key=lambda event: tie_break(user_id, event.item_id, timestamp), reverse=True)
        ordered += same
    return ordered


@lru_cache(maxsize=1)
def blocked_rows(catalogue: Catalogue, blocked: frozenset[str]) -> Rows:
    """The blocked items that the catalogue knows, sorted; computed again only when one of the two changes."""
    rows = catalogue.rows_of(sorted(blocked))
    return rows[rows >= 0]
