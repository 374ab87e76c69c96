"""Predict requests are parsed strictly: a query, or an error that names the field, the expectation and what came."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_graph.catalogue import Attribute
from inference_graph.errors import InvalidRequest
from inference_graph.serving.checks import decoded
from inference_graph.serving.protocol import Arrival, parse_predict
from inference_graph.testing import make_catalogue
from inference_graph.types import CategoryFilter, ColumnFilter, Event, Query

YEAR = Attribute(np.array([1990.0, 2000.0, np.nan]))
COUNTRY = Attribute(np.array([0, 1, -1], np.int32), ("FR", "US"))
CATALOGUE = make_catalogue(["318", "50", "7"], categories={"Drama": [0]}, attributes={"year": YEAR, "country": COUNTRY})
TYPES = frozenset({"rating", "purchase", "view", "click"})
HOME = Arrival("home", CATALOGUE, 1000.0, "r", TYPES)
SIMILAR = Arrival("similar", CATALOGUE, 1000.0, "r", TYPES)
WHOLE: dict[str, Any] = {
    "user_id": "1",
    "limit": 10,
    "exclude": ["318"],
    "filters": {"categories": {"any": ["Drama"], "none": []}, "year": {"min": 1990, "max": 2020.5}, "country": {"in": ["FR"]}},
    "history": [{"item_id": "50", "type": "rating", "value": 4.5, "timestamp": 900, "event_id": "e", "request_id": "q"}],
    "timestamp": 1700000000,
}


def one(instance: Any, arrival: Arrival = HOME) -> Query:
    (query,) = parse_predict({"instances": [instance]}, arrival)
    return query


def error(instance: Any, arrival: Arrival = HOME) -> str:
    with pytest.raises(InvalidRequest) as caught:
        one(instance, arrival)
    assert str(caught.value).startswith(f"{caught.value.field}: expected ")
    return str(caught.value)


def test_a_whole_request_becomes_a_query() -> None:
    query = one(WHOLE)
    assert (query.user_id, query.limit, query.now, query.exclude, query.request_id) == ("1", 10, 1700000000.0, ("318",), "r")
    assert query.categories == CategoryFilter(("Drama",), ())
    assert query.columns == {"year": ColumnFilter(1990.0, 2020.5), "country": ColumnFilter(one_of=("FR",))}
    assert query.session == (Event("1", "50", "rating", 900.0, 4.5, "e", "q"),)


def test_an_empty_instance_is_an_anonymous_request_for_ten_items_now() -> None:
    query = one({})
    assert (query.user_id, query.limit, query.now, query.session) == (None, 10, 1000.0, ())
    assert one({"user_id": None}).user_id is None


def test_instances_keep_their_order() -> None:
    queries = parse_predict({"instances": [{"user_id": str(i)} for i in range(32)]}, HOME)
    assert [query.user_id for query in queries] == [str(i) for i in range(32)]


def test_a_page_of_one_item_brings_that_item_as_a_liked_one() -> None:
    query = one({"item_id": "50", "history": WHOLE["history"], "timestamp": 2000}, SIMILAR)
    assert (query.item_id, query.session[0]) == ("50", Event("", "50", "rating", 2000.0, 5.0))
    assert len(query.session) == 2
    bought = one({"item_id": "50"}, replace(SIMILAR, item_event="purchase"))
    assert bought.session == (Event("", "50", "purchase", 1000.0, 1.0),)


def test_a_session_event_without_a_time_happens_now() -> None:
    (event,) = one({"history": [{"item_id": "new", "type": "view"}], "timestamp": 5}).session
    assert (event.timestamp, event.value) == (5.0, None)


def test_empty_lists_restrict_nothing_and_unknown_categories_are_no_error() -> None:
    query = one({"filters": {"categories": {"any": [], "none": ["Nothing"]}, "country": {"in": []}, "year": {}}})
    assert query.categories == CategoryFilter((), ("Nothing",))
    assert query.columns == {"country": ColumnFilter(), "year": ColumnFilter()}


def test_a_column_that_is_read_for_the_request_can_be_filtered_by_numbers_and_words() -> None:
    arrival = replace(HOME, fresh_columns=frozenset({"price"}))
    query = one({"filters": {"price": {"min": 1, "in": [2, "x"]}}}, arrival)
    assert query.columns == {"price": ColumnFilter(1.0, None, (2.0, "x"))}


@pytest.mark.parametrize(
    ("instance", "text"),
    [
        ({"limit": 0}, "instances[0].limit: expected an integer from 1 to 500, got 0"),
        ({"limit": 501}, "instances[0].limit: expected an integer from 1 to 500, got 501"),
        ({"limit": True}, "instances[0].limit: expected an integer from 1 to 500, got true"),
        ({"limit": 10.0}, "instances[0].limit: expected an integer from 1 to 500, got 10.0"),
        ({"limit": None}, "instances[0].limit: expected an integer from 1 to 500, got null"),
        ({"limit": "10"}, "instances[0].limit: expected an integer from 1 to 500, got '10'"),
        ({"limit": 10**5000}, "instances[0].limit: expected an integer from 1 to 500, got a huge number"),
        ({"limit": [[1]]}, "instances[0].limit: expected an integer from 1 to 500, got a list of 1"),
        ({"user_id": 1}, "instances[0].user_id: expected a string of 1 to 512 bytes without control characters, got 1"),
        ({"user_id": ""}, "instances[0].user_id: expected a string of 1 to 512 bytes without control characters, got ''"),
        ({"user_id": "a\nb"}, "instances[0].user_id: expected a string of 1 to 512 bytes without control characters, got 'a\\nb'"),
        ({"user_id": "\ud800"}, "instances[0].user_id: expected a string of 1 to 512 bytes without control characters, got '\\ud800'"),
        ({"exclude": ["1", 2]}, "instances[0].exclude[1]: expected a string of 1 to 512 bytes without control characters, got 2"),
        ({"exclude": ["1"] * 10_001}, "instances[0].exclude: expected a list of 0 to 10000 strings, got a list of 10001"),
        ({"exclude": "1"}, "instances[0].exclude: expected a list of 0 to 10000 strings, got '1'"),
        ({"timestamp": -1}, "instances[0].timestamp: expected a number from 0 to 32503680000 (seconds since 1970), got -1"),
        (
            {"timestamp": 1700000000000},
            "instances[0].timestamp: expected a number from 0 to 32503680000 (seconds since 1970), got 1700000000000",
        ),
        ({"timestamp": float("nan")}, "instances[0].timestamp: expected a number from 0 to 32503680000 (seconds since 1970), got nan"),
        ({"filters": []}, "instances[0].filters: expected an object, got a list of 0"),
        ({"filters": {"yaer": {}}}, "instances[0].filters.yaer: expected no other keys than categories, country, year, got 'yaer'"),
        (
            {"filters": {"year": {"min": float("inf")}}},
            "instances[0].filters.year.min: expected a number from -1e+15 to 1e+15, got inf",
        ),
        ({"filters": {"year": {"min": 2, "max": 1}}}, "instances[0].filters.year.min: expected at most the max of 1, got 2"),
        ({"filters": {"year": {"in": ["x"]}}}, "instances[0].filters.year.in[0]: expected a number from -1e+15 to 1e+15, got 'x'"),
        ({"filters": {"country": {"min": 1}}}, "instances[0].filters.country.min: expected no other keys than in, got 'min'"),
        (
            {"filters": {"country": {"in": [1]}}},
            "instances[0].filters.country.in[0]: expected a string of 1 to 512 bytes without control characters, got 1",
        ),
        (
            {"filters": {"categories": {"all": []}}},
            "instances[0].filters.categories.all: expected no other keys than any, none, got 'all'",
        ),
        ({"history": [{"type": "view"}]}, "instances[0].history[0].item_id: expected a value, got nothing"),
        (
            {"history": [{"item_id": "1", "type": "like"}]},
            "instances[0].history[0].type: expected one of click, purchase, rating, view, got 'like'",
        ),
        (
            {"history": [{"item_id": "1", "type": "rating"}]},
            "instances[0].history[0].value: expected a number, the stars of the rating, got nothing",
        ),
        (
            {"history": [{"item_id": "1", "type": "view", "user_id": "1"}]},
            "instances[0].history[0].user_id: expected no other keys than item_id, type, value, timestamp, event_id, request_id, "
            "got 'user_id'",
        ),
        (
            {"limits": 1},
            "instances[0].limits: expected no other keys than user_id, limit, exclude, filters, history, timestamp, got 'limits'",
        ),
        (
            {"x y": 1},
            "instances[0]: expected no other keys than user_id, limit, exclude, filters, history, timestamp, got 'x y'",
        ),
        ("1", "instances[0]: expected an object, got '1'"),
    ],
)
def test_a_fault_names_the_field_the_expectation_and_what_came(instance: Any, text: str) -> None:
    assert error(instance) == text


def test_the_page_of_one_item_needs_an_item_of_the_catalogue() -> None:
    assert error({}, SIMILAR) == "instances[0].item_id: expected a value, got nothing"
    assert error({"item_id": "51"}, SIMILAR) == "instances[0].item_id: expected an item of the catalogue, got '51'"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "body: expected an object, got a list of 0"),
        (None, "body: expected an object, got null"),
        ({}, "instances: expected a value, got nothing"),
        ({"instances": [], "x": 1}, "x: expected no other keys than instances, got 'x'"),
        ({"instances": []}, "instances: expected a list of 1 to 32 instances, got a list of 0"),
        ({"instances": [{}] * 33}, "instances: expected a list of 1 to 32 instances, got a list of 33"),
        ({"instances": {}}, "instances: expected a list of 1 to 32 instances, got an object"),
        ({"instances": [{}, {"limit": 0}]}, "instances[1].limit: expected an integer from 1 to 500, got 0"),
    ],
)
def test_one_bad_instance_fails_the_request(body: Any, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_predict(body, HOME)
    assert str(caught.value) == text


@pytest.mark.parametrize("body", [b"", b"{", b"nan", b'{"a": NaN}', b"[1e999]", b'"\\ud800"', b'"\xff"', b"[" * 100_000])
def test_a_body_that_is_not_json_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="body: expected a JSON object, got what is not JSON") as caught:
        decoded(body)
    assert caught.value.field == "body"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = [
    (),
    ("instances",),
    ("instances", 0),
    *[("instances", 0, key) for key in (*WHOLE, "item_id", "other")],
    ("instances", 0, "exclude", 0),
    ("instances", 0, "filters", "categories"),
    ("instances", 0, "filters", "categories", "any"),
    ("instances", 0, "filters", "categories", "none", 0),
    ("instances", 0, "filters", "year"),
    ("instances", 0, "filters", "year", "min"),
    ("instances", 0, "filters", "country", "in"),
    ("instances", 0, "filters", "country", "in", 0),
    ("instances", 0, "history", 0),
    *[("instances", 0, "history", 0, key) for key in ("item_id", "type", "value", "timestamp", "event_id", "request_id", "x")],
]


def put(tree: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    if isinstance(tree, list):
        return [*tree[: place[0]], put(tree[place[0]] if tree else None, place[1:], value)]
    return {**tree, place[0]: put(tree.get(place[0]), place[1:], value)}


@settings(max_examples=1500)
@given(place=st.sampled_from(PLACES), value=JSON, arrival=st.sampled_from([HOME, SIMILAR]))
def test_any_value_at_any_place_gives_queries_or_a_named_fault(place: tuple[Any, ...], value: Any, arrival: Arrival) -> None:
    instance = copy.deepcopy(WHOLE) | ({"item_id": "50"} if arrival.surface == "similar" else {})
    fault: InvalidRequest | None = None
    queries: tuple[Query, ...] = ()
    try:
        queries = parse_predict(put({"instances": [instance]}, place, value), arrival)
    except InvalidRequest as refused:
        fault = refused
    assert all(isinstance(query, Query) and 1 <= query.limit <= 500 and query.now >= 0 for query in queries)
    if fault is not None:
        assert fault.field
        assert ": expected " in str(fault)
        assert len(str(fault).encode()) < 500
