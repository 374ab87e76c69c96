"""Events change the next answer, of that user only, and nothing is lost."""

from __future__ import annotations

import numpy as np
import polars
import pytest

from inference_graph.catalogue import open_snapshot
from inference_graph.features import USER_FEATURES
from inference_graph.workspace import Workspace
from rec_models.events import all_events
from rec_models.offline_store import point_in_time_features


@pytest.fixture(scope="module")
def newest(system) -> float:
    return float(polars.read_parquet(system.workspace / "data" / "interactions.parquet")["timestamp"].max())


def without_request_id(answer):
    return {key: value for key, value in answer.items() if key != "request_id"}


def proposed_by(explained, source):
    return {candidate["item_id"] for candidate in explained["candidates"] if source in candidate["sources"]}


def test_five_stars_bring_an_items_neighbours_and_one_star_does_not(system, newest):
    item = system.predict("3", limit=50)["items"][-1]["item_id"]
    neighbours = {
        entry["item_id"]
        for entry in system.post("/v1/models/similar:explain", {"instances": [{"item_id": item}]}).json()["predictions"][0]["candidates"]
        if entry["sources"].get("similar_to_liked", 99) <= 10
    }
    other = without_request_id(system.predict("4", timestamp=newest + 10))
    at = newest + 5
    assert system.rate({"user_id": "liker", "item_id": item, "value": 5.0, "timestamp": at}) == {"stored": 1, "duplicates": 0}
    system.rate({"user_id": "disliker", "item_id": item, "value": 1.0, "timestamp": at})
    assert neighbours <= proposed_by(system.explain("liker", timestamp=at + 1), "similar_to_liked")
    assert not proposed_by(system.explain("disliker", timestamp=at + 1), "similar_to_liked")
    assert without_request_id(system.predict("4", timestamp=newest + 10)) == other


def test_an_event_is_stored_once_however_often_it_is_sent(system, newest):
    event = {"user_id": "repeater", "item_id": "i00001", "value": 4.0, "timestamp": newest}
    assert system.rate(event, event) == {"stored": 1, "duplicates": 1}
    assert system.rate(event) == {"stored": 0, "duplicates": 1}


def test_fifty_events_at_once_and_two_in_reverse_order_are_all_in_the_history(system, newest):
    items = polars.read_parquet(system.workspace / "data" / "items.parquet")["item_id"].head(52).to_list()
    system.rate(*({"user_id": "many", "item_id": item, "value": 4.0, "timestamp": newest - n} for n, item in enumerate(items[:50])))
    system.rate({"user_id": "many", "item_id": items[50], "value": 4.0, "timestamp": newest - 1000})
    system.rate({"user_id": "many", "item_id": items[51], "value": 4.0, "timestamp": newest - 2000})
    history = system.explain("many", timestamp=newest + 1)["state"]["history"]
    assert {event["item_id"] for event in history} == set(items)
    stamps = [event["timestamp"] for event in history]
    assert stamps == sorted(stamps, reverse=True)


def test_a_user_is_erased(system, newest):
    system.rate({"user_id": "leaver", "item_id": "1", "value": 4.0, "timestamp": newest})
    assert len(system.client.get("/v1/users/leaver/events").json()["events"]) == 1
    assert system.client.delete("/v1/users/leaver").status_code in (200, 204)
    assert system.client.get("/v1/users/leaver/events").json()["events"] == []
    assert system.predict("leaver")["user"] == "unknown"


def test_what_the_ranker_receives_is_the_point_in_time_truth_before_and_after_new_events(system, newest):
    """Aggregates as Feast's offline join gives them for the request's time, history as the event log has it."""
    now = newest + 100
    users = system.users(100)
    system.cli("refresh")
    assert_inputs_are_those_of(system, users, now)
    before = system.explain(users[0], timestamp=now)["state"]["features"]
    items = polars.read_parquet(system.workspace / "data" / "items.parquet")["item_id"].tail(3).to_list()
    system.rate(*({"user_id": users[0], "item_id": item, "value": 1.0, "timestamp": newest + 1 + n} for n, item in enumerate(items)))
    assert system.explain(users[0], timestamp=now)["state"]["features"] == before
    system.cli("materialize")
    after = system.explain(users[0], timestamp=now)["state"]["features"]
    assert after["interactions"] == before["interactions"] + len(items)
    assert after["mean_value"] < before["mean_value"]
    system.cli("snapshot")
    assert_inputs_are_those_of(system, users, now)


def assert_inputs_are_those_of(system, users, now):
    """What explain shows of each user, and the snapshot's features of each item, against Feast and the event log as of `now`."""
    workspace = Workspace(system.workspace)
    moments = polars.DataFrame({"user_id": users, "event_timestamp": np.full(len(users), now)})
    expected = point_in_time_features(workspace, moments)
    events = all_events(workspace).filter(polars.col("timestamp") <= now)
    for user_id, row in zip(users, expected, strict=True):
        state = system.explain(user_id, timestamp=now)["state"]
        np.testing.assert_allclose([state["features"][f.name] for f in USER_FEATURES], row, rtol=1e-6)
        own = events.filter(polars.col("user_id") == user_id).sort("timestamp", "tie", descending=True).head(500)
        assert [event["item_id"] for event in state["history"]] == own["item_id"].to_list()
        assert [event["timestamp"] for event in state["history"]] == own["timestamp"].to_list()
    store = system.workspace / "snapshots"
    catalogue = open_snapshot(store / (store / "current").read_text())
    item_ids = [catalogue.item_id(row) for row in range(len(catalogue))]
    moments = polars.DataFrame({"item_id": item_ids, "event_timestamp": np.full(len(catalogue), now)})
    np.testing.assert_allclose(catalogue.arrays.features, point_in_time_features(workspace, moments), rtol=1e-6)
