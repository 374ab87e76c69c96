"""A user's events as columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference_graph.features import tie_break
from inference_graph.types import Event, Events

EVENTS = st.lists(
    st.builds(
        Event,
        user_id=st.just("u"),
        item_id=st.sampled_from("abcdef"),
        type=st.sampled_from(("rating", "view")),
        timestamp=st.sampled_from((0.0, 1.0, 1.5, 2.0)),
        value=st.sampled_from((None, 1.0, 5.0)),
    ),
    max_size=12,
    unique_by=lambda event: (event.item_id, event.timestamp),
)


@given(EVENTS)
def test_the_newest_come_first_and_those_of_one_second_by_their_content(events: list[Event]) -> None:
    expected = sorted(events, key=lambda e: (e.timestamp, tie_break("u", e.item_id, e.timestamp)), reverse=True)
    assert Events.of(events).newest_first("u") == Events.of(expected)


@given(EVENTS, EVENTS, st.integers(0, 12))
def test_columns_are_cut_and_put_together_like_lists_of_events(events: list[Event], others: list[Event], place: int) -> None:
    assert Events.of(events)[:place] == Events.of(events[:place])
    assert Events.of(events) + Events.of(others) == Events.of(events + others)
    assert len(Events.of(events)) == len(events)
