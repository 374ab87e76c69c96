"""The routes as the contract has them, in one process with fakes behind it: shapes, errors, headers, counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from openapi_spec_validator import validate
from prometheus_client import REGISTRY

from inference_graph.catalogue import Catalogue
from inference_graph.clients import StoredUser
from inference_graph.errors import DependencyTimeout
from inference_graph.graph import build, default_graph, load_graph
from inference_graph.serving.front import Front, Limits
from inference_graph.serving.graph_feed import Graph
from inference_graph.serving.openapi import openapi
from inference_graph.serving.protocol import Surface
from inference_graph.serving.transformer import build_app, paths
from inference_graph.testing import FakeClients, FakeStoredUser, make_catalogue
from inference_graph.types import Event, Events

NAMES: dict[str, Surface] = {"recommender": "home", "similar": "similar"}
PREDICT, EXPLAIN, SIMILAR = (f"/v1/models/{name}" for name in ("recommender:predict", "recommender:explain", "similar:predict"))


@dataclass
class FakeLog:
    """An event log in memory; `down` makes it time out."""

    stored: list[Event] = field(default_factory=list)
    down: bool = False

    async def write(self, events: Sequence[Event]) -> tuple[int, int]:
        if self.down:
            raise DependencyTimeout("Redis, writing events: 10.0.0.7 is silent")
        self.stored += events
        return len(events), 0

    async def events(self, user_id: str, limit: int) -> Events:
        return Events.of(event for event in self.stored if event.user_id == user_id)[:limit]

    async def erase(self, user_id: str) -> bool:
        before = len(self.stored)
        self.stored = [event for event in self.stored if event.user_id != user_id]
        return len(self.stored) < before


@dataclass
class Clock:
    last_newest: float | None = None


@dataclass
class World:
    """The routes over fakes; what is in use can be changed between requests."""

    graph: Graph
    fakes: FakeClients
    catalogue: Catalogue | None
    ready: bool = True
    draining: bool = False
    awaited: str = "a snapshot is awaited"
    clock: Clock = field(default_factory=Clock)
    log: FakeLog = field(default_factory=FakeLog)

    def client(self) -> httpx.AsyncClient:
        limits = Limits(body_seconds=0.1, concurrency=4)
        front = Front(build_app(NAMES, self, self.log), paths(NAMES), limits, lambda: self.draining)
        return httpx.AsyncClient(transport=httpx.ASGITransport(front), base_url="http://test")


@pytest.fixture
def world(tmp_path: Path) -> World:
    path = tmp_path / "graph.yaml"
    path.write_text(default_graph("ratings", {"mode": "ever"}, "wall"))
    catalogue = make_catalogue([f"{i:02}" for i in range(40)], categories={"A": [1, 2], "B": list(range(3, 40))})
    fakes = FakeClients(catalogue)
    config = load_graph(path)
    return World(Graph(config, build(config, fakes.clients(), strict=True)), fakes, catalogue)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client() as client:
        yield client


def conforms(body: Any, schema: str) -> None:
    document = openapi(NAMES)
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{schema}", "components": document["components"]})


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_prediction_has_the_contracts_keys(client: httpx.AsyncClient, world: World) -> None:
    reply = await client.post(PREDICT, json={"instances": [{"user_id": "1", "limit": 3}]}, headers={"X-Request-Id": "abc-1"})
    assert (reply.status_code, reply.headers["content-type"], reply.headers["x-request-id"]) == (200, "application/json", "abc-1")
    conforms(reply.json(), "PredictResponse")
    (prediction,) = reply.json()["predictions"]
    assert (prediction["user_id"], prediction["user"], prediction["degraded"], prediction["request_id"]) == ("1", "unknown", [], "abc-1")
    assert prediction["versions"] == {"retrieval": "1", "ranking": "1", "snapshot": "made", "graph": world.graph.config.version}
    assert [item["item_id"] for item in prediction["items"]] == ["39", "38", "37"]
    assert prediction["items"][0] == {"item_id": "39", "title": "Title of 39", "score": 0.9756098, "sources": {"popular": 40}}


async def test_several_instances_are_answered_in_their_order_under_one_request_id(client: httpx.AsyncClient) -> None:
    reply = await client.post(PREDICT, json={"instances": [{"user_id": str(i), "limit": 1 + i} for i in range(32)]})
    predictions = reply.json()["predictions"]
    assert [(p["user_id"], len(p["items"])) for p in predictions] == [(str(i), 1 + i) for i in range(32)]
    assert {p["request_id"] for p in predictions} == {reply.headers["x-request-id"]}


async def test_anonymous_unknown_and_known_users_are_told_apart(client: httpx.AsyncClient, world: World) -> None:
    world.fakes.events.users["k"] = [Event("k", "05", "rating", 1000.0, 5.0)]
    reply = await client.post(PREDICT, json={"instances": [{}, {"user_id": None}, {"user_id": "u"}, {"user_id": "k"}]})
    assert [p["user"] for p in reply.json()["predictions"]] == ["anonymous", "anonymous", "unknown", "known"]


async def test_an_explanation_is_the_answer_and_all_that_was_known(client: httpx.AsyncClient, world: World) -> None:
    world.fakes.events.users["k"] = [Event("k", "05", "rating", 1000.0, 5.0), Event("k", "gone", "rating", 900.0, 4.0)]
    world.fakes.events.blocked = frozenset({"39"})
    instance = {"instances": [{"user_id": "k", "limit": 2, "exclude": ["38"]}]}
    headers = {"X-Request-Id": "same", "Cookie": "secret", "Authorization": "secret"}
    reply = await client.post(EXPLAIN, json=instance, headers=headers)
    conforms(reply.json(), "ExplainResponse")
    assert "secret" not in str(reply.headers)
    (explained,) = reply.json()["predictions"]
    predicted = (await client.post(PREDICT, json=instance, headers=headers)).json()["predictions"][0]
    assert {key: explained[key] for key in predicted} == predicted
    assert explained["state"]["history"] == [
        {"item_id": "05", "value": 5.0, "timestamp": 1000.0},
        {"item_id": "gone", "value": 4.0, "timestamp": 900.0},
    ]
    assert explained["seeds"] == ["05"]
    by_id = {candidate["item_id"]: candidate for candidate in explained["candidates"]}
    assert [by_id[item]["removed_by"] for item in ("39", "38", "05", "37")] == ["blocked", "requested", "seen", None]
    assert (by_id["37"]["position"], by_id["36"]["position"], by_id["39"]["position"]) == (1, 2, None)
    assert by_id["37"]["ranker_score"] == by_id["37"]["score"] == explained["items"][0]["score"]
    assert explained["timings_ms"]["total"] > 0


async def test_the_page_of_one_item_gets_other_items(client: httpx.AsyncClient) -> None:
    reply = await client.post(SIMILAR, json={"instances": [{"item_id": "05", "limit": 5}]})
    conforms(reply.json(), "PredictResponse")
    items = [item["item_id"] for item in reply.json()["predictions"][0]["items"]]
    assert len(items) == 5
    assert "05" not in items


async def test_a_dead_redis_degrades_exactly_four_components(client: httpx.AsyncClient, world: World) -> None:
    world.fakes.redis_goes_down()
    before = count("recommender_degraded_total", component="history")
    body = {"instances": [{"user_id": "1", "limit": 5, "history": [{"item_id": "01", "type": "rating", "value": 5}]}]}
    (prediction,) = (await client.post(PREDICT, json=body)).json()["predictions"]
    assert prediction["degraded"] == ["blocked", "history", "similar_to_liked", "user_features"]
    assert len(prediction["items"]) == 5
    await asyncio.sleep(0)  # counters move once the answer is on its way
    assert count("recommender_degraded_total", component="history") == before + 1


async def test_a_dead_ranker_is_named_and_the_explanation_has_no_ranker_scores(client: httpx.AsyncClient, world: World) -> None:
    world.fakes.ranking.down = True
    (prediction,) = (await client.post(EXPLAIN, json={"instances": [{"user_id": "1"}]})).json()["predictions"]
    assert (prediction["degraded"], prediction["versions"]["ranking"]) == (["ranker"], None)
    assert {candidate["ranker_score"] for candidate in prediction["candidates"]} == {None}
    assert all(item["score"] > 0 for item in prediction["items"])


async def test_the_clock_of_old_data_is_the_newest_event_known(client: httpx.AsyncClient, world: World) -> None:
    config = world.graph.config.model_copy(update={"clock": "data"})
    world.graph = Graph(config, build(config, world.fakes.clients(), strict=True))
    world.fakes.events.users["k"] = [Event("k", "05", "rating", 1000.0, 5.0), Event("k", "06", "rating", 2000.0, 5.0)]
    world.clock.last_newest = 1500.0
    (explained,) = (await client.post(EXPLAIN, json={"instances": [{"user_id": "k"}]})).json()["predictions"]
    assert [event["item_id"] for event in explained["state"]["history"]] == ["05"]


@pytest.mark.parametrize("path", [PREDICT, EXPLAIN])
async def test_a_fault_in_a_request_is_answered_with_its_field(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.post(path, json={"instances": [{"user_id": "1", "limit": 0}]}, headers={"X-Request-Id": "r"})
    assert reply.status_code == 400
    assert reply.json() == {
        "error": "instances[0].limit: expected an integer from 1 to 500, got 0",
        "field": "instances[0].limit",
        "request_id": "r",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("POST", "/v1/models/nobody:predict", 404, "model"),
        ("GET", "/v1/models/nobody", 404, "model"),
        ("GET", "/v2/health/live", 404, "path"),
        ("GET", "/v2/models/recommender", 404, "path"),
        ("POST", "/v2/models/recommender/infer", 404, "path"),
        ("POST", "/openai/v1/completions", 404, "path"),
        ("GET", "/v1/events/", 404, "path"),
        ("GET", PREDICT, 405, "method"),
        ("PUT", EXPLAIN, 405, "method"),
        ("GET", "/v1/events", 405, "method"),
        ("POST", "/metrics", 405, "method"),
        ("PATCH", "/v1/users/1", 405, "method"),
        ("DELETE", "/v1/users/1/events", 405, "method"),
        ("GET", "/v1/users/1/other", 404, "path"),
        ("GET", "/v1/users/%00/events", 400, "user_id"),
        ("GET", "/v1/users/%ff/events", 400, "user_id"),
        ("GET", "/v1/users/1/events?limit=0", 400, "limit"),
        ("GET", "/v1/users/1/events?offset=1", 400, "query"),
    ],
)
async def test_every_routes_errors_have_one_shape(client: httpx.AsyncClient, method: str, path: str, status: int, field: str) -> None:
    reply = await client.request(method, path, json={} if method in ("POST", "PUT", "PATCH") else None)
    assert (reply.status_code, reply.json()["field"]) == (status, field)
    conforms(reply.json(), "Error")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert status != 405 or reply.headers["allow"]


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 65_536

    for content in (b" " * 1_048_577, endless()):
        reply = await client.post(PREDICT, content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code == 413
        assert reply.json()["error"].startswith("body: expected at most 1048576 bytes, got ")


async def test_a_body_that_does_not_come_is_not_waited_for(client: httpx.AsyncClient) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    reply = await client.post(PREDICT, content=slow())
    assert (reply.status_code, reply.json()["error"]) == (408, "body: expected the whole body within 0.1 seconds, got a part")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/octet-stream"}, 415),
        ({"Content-Type": "application/cloudevents+json"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "Application/JSON; charset=utf-8"}, 200),
        ({}, 200),
        ({"ce-specversion": "1.0", "ce-source": "x", "ce-type": "x", "ce-id": "1"}, 200),
    ],
)
async def test_a_body_is_json_or_refused_by_its_type(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    reply = await client.post(PREDICT, content=b'{"instances": [{"limit": 1}]}', headers=headers)
    assert reply.status_code == status


@pytest.mark.parametrize("body", [b"", b"[1", b"nan", b"\xff", b"[" * 10_000, b'{"instances": [{"limit": NaN}]}'])
async def test_what_is_not_json_is_the_callers_fault(client: httpx.AsyncClient, body: bytes) -> None:
    reply = await client.post(PREDICT, content=body)
    assert (reply.status_code, reply.json()["field"]) == (400, "body")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ä", '"'])
async def test_a_request_id_that_no_log_should_hold_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    reply = await client.get("/", headers={b"X-Request-Id": given.encode()})
    assert reply.headers["x-request-id"] not in ("", given)


async def test_before_the_first_snapshot_answers_have_to_wait_and_events_do_not(client: httpx.AsyncClient, world: World) -> None:
    world.catalogue, world.ready = None, False
    reply = await client.post(PREDICT, json={"instances": [{}]})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    conforms(reply.json(), "Error")
    assert (await client.get("/v1/models/recommender")).status_code == 503
    assert (await client.post("/v1/events", json={"events": [{"user_id": "1", "item_id": "2", "type": "view"}]})).status_code == 202


async def test_a_required_step_that_fails_is_a_503(client: httpx.AsyncClient, world: World) -> None:
    home = world.graph.pipelines["home"]
    assert home.ranker is not None
    required = replace(home, ranker=replace(home.ranker, required=True))
    world.graph = Graph(world.graph.config, {**world.graph.pipelines, "home": required})
    world.fakes.ranking.down = True
    reply = await client.post(PREDICT, json={"instances": [{}, {}]})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    conforms(reply.json(), "Error")


async def test_a_bug_is_a_500_that_hides_what_is_inside(client: httpx.AsyncClient, world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.fakes.events.users = None  # type: ignore[assignment]
    reply = await client.post(PREDICT, json={"instances": [{"user_id": "1"}]}, headers={"X-Request-Id": "bug-1"})
    assert reply.status_code == 500
    assert reply.json() == {"error": "a fault of ours: it is in the log, under this request_id", "field": None, "request_id": "bug-1"}
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "bug-1" in record.getMessage()
    assert record.exc_info


async def test_a_callers_mistake_is_not_logged(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    await client.post(PREDICT, json={"instances": [{"limit": 0}]})
    await client.post("/v1/models/nobody:predict", json={})
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_a_draining_process_answers_and_closes_the_connection(client: httpx.AsyncClient, world: World) -> None:
    assert "connection" not in (await client.get("/")).headers
    world.draining = True
    reply = await client.get("/v1/models/recommender")
    assert (reply.status_code, reply.headers["connection"]) == (200, "close")


async def test_more_than_can_be_served_at_once_is_refused_before_work_starts(client: httpx.AsyncClient, world: World) -> None:
    entered, leave = asyncio.Semaphore(0), asyncio.Event()

    async def waits(user_id: str | None) -> StoredUser:
        entered.release()
        await leave.wait()
        return FakeStoredUser()

    config = world.graph.config.model_copy(update={"timeout_seconds": 30.0})
    events = world.fakes.events
    events.read = waits  # type: ignore[method-assign]
    patient = {name: replace(p, users=replace(p.users, timeout=30.0)) for name, p in build(config, world.fakes.clients()).items()}
    world.graph = Graph(config, patient)
    body = {"instances": [{"limit": 1}]}
    at_work = [asyncio.create_task(client.post(PREDICT, json=body)) for _ in range(4)]
    for _ in at_work:
        await entered.acquire()
    refused = await client.post(PREDICT, json=body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    conforms(refused.json(), "Error")
    assert (await client.get("/v1/models/recommender")).status_code == 200
    leave.set()
    assert {reply.status_code for reply in await asyncio.gather(*at_work)} == {200}
    assert (await client.post(PREDICT, json=body)).status_code == 200


async def test_events_are_stored_read_and_erased(client: httpx.AsyncClient, world: World) -> None:
    known, unknown = count("recommender_events_total", result="stored"), count("recommender_unknown_items_total")
    events = [{"user_id": "a/b", "item_id": item, "type": "rating", "value": 5, "timestamp": 1000} for item in ("01", "new")]
    reply = await client.post("/v1/events", json={"events": events})
    assert (reply.status_code, reply.json()) == (202, {"stored": 2, "duplicates": 0})
    assert count("recommender_events_total", result="stored") == known + 2
    assert count("recommender_unknown_items_total") == unknown + 1
    reply = await client.get("/v1/users/a%2Fb/events", params={"limit": 1})
    conforms(reply.json(), "UserEvents")
    assert reply.json() == {"user_id": "a/b", "events": [{"item_id": "01", "type": "rating", "value": 5.0, "timestamp": 1000.0}]}
    assert (await client.delete("/v1/users/a%2Fb")).json() == {"user_id": "a/b", "erased": True}
    assert (await client.delete("/v1/users/a%2Fb")).json() == {"user_id": "a/b", "erased": False}


async def test_events_that_were_not_acknowledged_can_be_sent_again(client: httpx.AsyncClient, world: World) -> None:
    world.log.down = True
    reply = await client.post("/v1/events", json={"events": [{"user_id": "1", "item_id": "2", "type": "view"}]})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert "send them again" in reply.json()["error"]
    assert "10.0.0.7" not in reply.text


async def test_requests_are_counted_by_surface_and_code_and_nothing_names_a_user(client: httpx.AsyncClient) -> None:
    def counts() -> list[float]:
        pairs = [("home", "200"), ("home", "400"), ("similar", "200")]
        return [count("recommender_requests_total", surface=surface, code=code) for surface, code in pairs]

    before = counts()
    user = "somebody-very-particular"
    for _ in range(3):
        await client.post(PREDICT, json={"instances": [{"user_id": user, "limit": 1}]})
    await client.post(EXPLAIN, json={"instances": [{"user_id": user, "limit": 0}]})
    await client.post(SIMILAR, json={"instances": [{"item_id": "05", "user_id": user}]})
    await client.post("/v1/models/nobody:predict", json={"instances": []})
    assert [after - then for after, then in zip(counts(), before, strict=True)] == [3, 1, 1]
    text = (await client.get("/metrics")).text
    assert user not in text
    assert 'recommender_info{graph="' in text


async def test_the_openapi_is_valid_and_served_with_a_page(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    validate(document)
    assert set(document["paths"]) >= {PREDICT, EXPLAIN, SIMILAR, "/v1/events", "/v1/users/{user_id}", "/metrics"}
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST /v1/events" in page.text
    assert "http://" not in page.text.replace("http://test", "")
