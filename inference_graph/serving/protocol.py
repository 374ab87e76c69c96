"""Predict requests: from JSON to queries, strictly; what is wrong is named by its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from inference_graph.catalogue import Catalogue
from inference_graph.errors import InvalidRequest
from inference_graph.serving.checks import Words, a_list, a_number, a_timestamp, an_id, an_integer, an_object, below, ids, refuse
from inference_graph.serving.event_protocol import parse_event
from inference_graph.types import CategoryFilter, ColumnFilter, Event, Query

Surface = Literal["home", "similar"]

MOST_INSTANCES = 32
MOST_ITEMS = 500
DEFAULT_ITEMS = 10
MOST_EXCLUDED = 10_000
MOST_EVENTS = 500
MOST_WORDS = 1_000
LARGEST = 1e15
KEYS: Mapping[Surface, tuple[str, ...]] = {
    "home": ("user_id", "limit", "exclude", "filters", "history", "timestamp"),
    "similar": ("item_id", "user_id", "limit", "exclude", "filters", "history", "timestamp"),
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a request meets when it arrives, and keeps: `now` is the graph's clock, in seconds since 1970."""

    surface: Surface
    catalogue: Catalogue
    now: float
    request_id: str
    event_types: frozenset[str]
    item_event: str = "rating"
    fresh_columns: frozenset[str] = field(default_factory=frozenset)


def parse_predict(body: object, arrival: Arrival) -> tuple[Query, ...]:
    """One query an instance, in their order. Raises InvalidRequest for the first fault."""
    instances = an_object(body, "", ("instances",), ("instances",))["instances"]
    found = a_list(instances, "instances", "instances", 1, MOST_INSTANCES)
    return tuple(_query(instance, f"instances[{i}]", arrival) for i, instance in enumerate(found))


def _query(value: object, path: str, arrival: Arrival) -> Query:
    similar = arrival.surface == "similar"
    given = an_object(value, path, KEYS[arrival.surface], ("item_id",) if similar else ())
    user_id = None if given.get("user_id") is None else an_id(given["user_id"], f"{path}.user_id")
    now = a_timestamp(given["timestamp"], f"{path}.timestamp") if "timestamp" in given else arrival.now
    categories, columns = _filters(given.get("filters", {}), f"{path}.filters", arrival)
    session = _history(given.get("history", []), f"{path}.history", user_id or "", now, arrival.event_types)
    item_id = _known_item(given["item_id"], f"{path}.item_id", arrival.catalogue) if similar else None
    if item_id is not None:
        session = (_page_view(user_id or "", item_id, now, arrival.item_event), *session)
    return Query(
        catalogue=arrival.catalogue,
        now=now,
        request_id=arrival.request_id,
        user_id=user_id,
        item_id=item_id,
        limit=an_integer(given.get("limit", DEFAULT_ITEMS), f"{path}.limit", 1, MOST_ITEMS),
        exclude=ids(given.get("exclude", []), f"{path}.exclude", MOST_EXCLUDED),
        categories=categories,
        columns=columns,
        session=session,
    )


def _history(value: object, path: str, user_id: str, now: float, types: frozenset[str]) -> tuple[Event, ...]:
    found = a_list(value, path, "events", 0, MOST_EVENTS)
    return tuple(parse_event(entry, f"{path}[{i}]", user_id, now, types) for i, entry in enumerate(found))


def _known_item(value: object, path: str, catalogue: Catalogue) -> str:
    item_id = an_id(value, path)
    if catalogue.rows_of([item_id])[0] < 0:
        raise refuse(path, "an item of the catalogue", item_id)
    return item_id


def _page_view(user_id: str, item_id: str, now: float, type_: str) -> Event:
    """How the page's item enters the models: liked as much as can be."""
    return Event(user_id, item_id, type_, now, 5.0 if type_ == "rating" else 1.0)


def _filters(value: object, path: str, arrival: Arrival) -> tuple[CategoryFilter, dict[str, ColumnFilter]]:
    attributes = arrival.catalogue.attributes
    columns = sorted({*attributes, *arrival.fresh_columns})
    given = an_object(value, path, ["categories", *columns])
    filters = {}
    for name, condition in given.items():
        if name != "categories":
            is_text = attributes[name].is_text if name in attributes else None
            filters[name] = _column(condition, below(path, name), is_text)
    return _categories(given.get("categories", {}), f"{path}.categories"), filters


def _categories(value: object, path: str) -> CategoryFilter:
    given = an_object(value, path, ("any", "none"))
    return CategoryFilter(*(ids(given.get(key, []), f"{path}.{key}", MOST_WORDS) for key in ("any", "none")))


def _column(value: object, path: str, is_text: bool | None) -> ColumnFilter:
    """`is_text` is None for a column that is not in the catalogue and whose type is not known before it is read."""
    given = an_object(value, path, ("in",) if is_text else ("min", "max", "in"))
    minimum, maximum = (_bound(given, key, path) for key in ("min", "max"))
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InvalidRequest(f"{path}.min", f"at most the max of {maximum:.15g}", Words(f"{minimum:.15g}"))
    values = a_list(given.get("in", []), f"{path}.in", "strings" if is_text else "numbers", 0, MOST_WORDS)
    return ColumnFilter(minimum, maximum, tuple(_one_of(v, f"{path}.in[{i}]", is_text) for i, v in enumerate(values)))


def _bound(given: Mapping[str, Any], key: str, path: str) -> float | None:
    return a_number(given[key], f"{path}.{key}", -LARGEST, LARGEST) if key in given else None


def _one_of(value: object, path: str, is_text: bool | None) -> str | float:
    if is_text or (is_text is None and isinstance(value, str)):
        return an_id(value, path)
    return a_number(value, path, -LARGEST, LARGEST)
