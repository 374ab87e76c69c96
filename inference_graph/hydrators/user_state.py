"""From what is stored of a user and what the request brings to the state that the stages see."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue
from inference_graph.clients import StoredUser
from inference_graph.features import interaction_value
from inference_graph.types import Events, History, Query, Rows, UserState, default_user_features

LONGEST_HISTORY = 500


def user_state(
    query: Query,
    stored: StoredUser | None,
    features: NDArray[np.float32] | None,
    blocked: frozenset[str],
    type_values: Mapping[str, float],
) -> UserState:
    """The user as of `query.now`; later events are left out. On a page of one item the history is that item alone."""
    events = stored.events if stored else Events()
    if query.item_id is not None:
        events = Events.of(event for event in query.session if event.item_id == query.item_id).newest_first(query.user_id or "")
    elif query.session:
        events = (events + Events.of(query.session)).newest_first(query.user_id or "")
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


def history_of(query: Query, events: Events, type_values: Mapping[str, float]) -> History:
    """Of events in the order of a history; those after `query.now` come first and are left out."""
    later = int(np.count_nonzero(np.array(events.timestamps, np.float64) > query.now))
    visible = events[later : later + LONGEST_HISTORY]
    item_ids = np.array([item_id.encode() for item_id in visible.item_ids], np.bytes_)
    values = [interaction_value(type_, value, type_values) for type_, value in zip(visible.types, visible.values, strict=True)]
    return History(
        item_ids=item_ids,
        rows=query.catalogue.rows_of(item_ids),
        values=np.array(values, np.float32),
        timestamps=np.array(visible.timestamps, np.float64),
        rated=np.array([type_ == "rating" for type_ in visible.types], np.bool_),
    )


@lru_cache(maxsize=1)
def blocked_rows(catalogue: Catalogue, blocked: frozenset[str]) -> Rows:
    """The blocked items that the catalogue knows, sorted; computed again only when one of the two changes."""
    rows = catalogue.rows_of(sorted(blocked))
    return rows[rows >= 0]
