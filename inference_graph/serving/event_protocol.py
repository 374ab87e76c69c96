"""Events: from JSON to what is stored, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference_graph.errors import InvalidRequest
from inference_graph.serving.checks import Words, a_list, a_number, a_timestamp, an_id, an_integer, an_object, refuse
from inference_graph.types import Event, Events

MOST_EVENTS = 500
MOST_READ = 500
DEFAULT_READ = 100
AHEAD_SECONDS = 300.0
LARGEST_VALUE = 1e6
KEYS = ("item_id", "type", "value", "timestamp", "event_id", "request_id")


def parse_events(body: object, now: float, types: frozenset[str]) -> tuple[Event, ...]:
    """The events of a POST, in their order; `now` is the wall clock. Raises InvalidRequest for the first fault."""
    events = an_object(body, "", ("events",), ("events",))["events"]
    found = a_list(events, "events", "events", 1, MOST_EVENTS)
    return tuple(_posted(entry, f"events[{i}]", now, types) for i, entry in enumerate(found))


def _posted(value: object, path: str, now: float, types: frozenset[str]) -> Event:
    given = an_object(value, path, ("user_id", *KEYS), ("user_id",))
    user_id = an_id(given["user_id"], f"{path}.user_id")
    event = parse_event({key: entry for key, entry in given.items() if key != "user_id"}, path, user_id, now, types)
    if event.timestamp > now + AHEAD_SECONDS:
        expected = f"at most {AHEAD_SECONDS:.0f} seconds after now ({now:.0f})"
        raise InvalidRequest(f"{path}.timestamp", expected, Words(f"{event.timestamp:.15g}"))
    return event


def parse_event(value: object, path: str, user_id: str, now: float, types: frozenset[str]) -> Event:
    """An event without `user_id`; null and absent are the same for what is optional."""
    given = an_object(value, path, KEYS, ("item_id", "type"))
    type_ = given["type"]
    if not isinstance(type_, str) or type_ not in types:
        raise refuse(f"{path}.type", f"one of {', '.join(sorted(types))}", type_)
    if type_ == "rating" and given.get("value") is None:
        raise InvalidRequest(f"{path}.value", "a number, the stars of the rating", Words("nothing"))
    return Event(
        user_id=user_id,
        item_id=an_id(given["item_id"], f"{path}.item_id"),
        type=type_,
        timestamp=now if given.get("timestamp") is None else a_timestamp(given["timestamp"], f"{path}.timestamp"),
        value=None if given.get("value") is None else a_number(given["value"], f"{path}.value", 0, LARGEST_VALUE),
        event_id=_optional_id(given, "event_id", path),
        request_id=_optional_id(given, "request_id", path),
    )


def _optional_id(given: Mapping[str, Any], key: str, path: str) -> str | None:
    return None if given.get(key) is None else an_id(given[key], f"{path}.{key}")


def parse_read_limit(text: str | None) -> int:
    """The query parameter `limit` of a reading of events."""
    if text is None:
        return DEFAULT_READ
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    return an_integer(number, "limit", 1, MOST_READ)


def render_events(user_id: str, events: Events) -> dict[str, object]:
    rows = zip(events.item_ids, events.types, events.values, events.timestamps, strict=True)
    kept = [{"item_id": item_id, "type": type_, "value": value, "timestamp": timestamp} for item_id, type_, value, timestamp in rows]
    return {"user_id": user_id, "events": kept}
