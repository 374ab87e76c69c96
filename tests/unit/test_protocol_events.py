"""Events are parsed strictly: all of a batch, or an error that names the first fault."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.errors import InvalidRequest
from inference_graph.serving.event_protocol import parse_events, parse_read_limit, render_events
from inference_graph.types import Event, Events

TYPES = frozenset({"rating", "purchase", "view", "click"})
RATING: dict[str, Any] = {"user_id": "1", "item_id": "318", "type": "rating", "value": 5.0, "timestamp": 1000}


def test_events_keep_their_order_and_default_to_now() -> None:
    view = {"user_id": "2", "item_id": "1", "type": "view", "value": None, "event_id": "e", "request_id": "q"}
    assert parse_events({"events": [RATING, view]}, 2000.0, TYPES) == (
        Event("1", "318", "rating", 1000.0, 5.0),
        Event("2", "1", "view", 2000.0, None, "e", "q"),
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"timestamp": 2301}, "events[0].timestamp: expected at most 300 seconds after now (2000), got 2301"),
        ({"timestamp": "now"}, "events[0].timestamp: expected a number from 0 to 32503680000 (seconds since 1970), got 'now'"),
        ({"value": None}, "events[0].value: expected a number, the stars of the rating, got nothing"),
        ({"value": "5"}, "events[0].value: expected a number from 0 to 1000000, got '5'"),
        ({"value": float("inf")}, "events[0].value: expected a number from 0 to 1000000, got inf"),
        ({"type": "like"}, "events[0].type: expected one of click, purchase, rating, view, got 'like'"),
        ({"type": ["view"]}, "events[0].type: expected one of click, purchase, rating, view, got a list of 1"),
        ({"user_id": None}, "events[0].user_id: expected a string of 1 to 512 bytes without control characters, got null"),
        ({"item_id": "a\x00"}, "events[0].item_id: expected a string of 1 to 512 bytes without control characters, got 'a\\x00'"),
        (
            {"weight": 1},
            "events[0].weight: expected no other keys than user_id, item_id, type, value, timestamp, event_id, request_id, got 'weight'",
        ),
    ],
)
def test_a_faulty_event_fails_the_batch(change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_events({"events": [{**RATING, **change}, RATING]}, 2000.0, TYPES)
    assert str(caught.value) == text


def test_five_minutes_ahead_is_still_now() -> None:
    assert parse_events({"events": [{**RATING, "timestamp": 2300}]}, 2000.0, TYPES)[0].timestamp == 2300.0


@pytest.mark.parametrize("events", [[], [RATING] * 501, None, {}])
def test_a_batch_holds_1_to_500_events(events: Any) -> None:
    with pytest.raises(InvalidRequest, match="events: expected a list of 1 to 500 events"):
        parse_events({"events": events}, 2000.0, TYPES)


@given(key=st.sampled_from(list(RATING)), value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()))
def test_any_value_gives_an_event_or_a_named_fault(key: str, value: Any) -> None:
    field: str | None = None
    events: tuple[Event, ...] = ()
    try:
        events = parse_events({"events": [{**RATING, key: value}]}, 2000.0, TYPES)
    except InvalidRequest as fault:
        field = fault.field
    assert len(events) == 1 or field == f"events[0].{key}"


def test_the_limit_of_a_reading_is_a_number_in_text() -> None:
    assert (parse_read_limit(None), parse_read_limit("500")) == (100, 500)
    for text in ("0", "501", "-1", "1.5", "x", "", "٣", "9" * 5000, "1_0"):
        with pytest.raises(InvalidRequest, match="limit: expected an integer from 1 to 500"):
            parse_read_limit(text)


def test_events_are_rendered_as_they_were_sent() -> None:
    assert render_events("1", Events(("318",), ("rating",), (5.0,), (1000.0,))) == {
        "user_id": "1",
        "events": [{"item_id": "318", "type": "rating", "value": 5.0, "timestamp": 1000.0}],
    }
