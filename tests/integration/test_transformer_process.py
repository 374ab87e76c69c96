"""The transformer as a process over a real Redis and a real snapshot, without model servers: what it does without."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from transformer_process import PREDICT, Transformer, wait_for

from inference_graph.graph import default_graph


def test_it_waits_for_a_first_snapshot_then_serves_without_models_and_says_what_it_lacks(transformer: Transformer) -> None:
    transformer.start(STARTUP_GRACE_SECONDS="0")
    wait_for(lambda: "no snapshot is published" in transformer.log(), "the line about the missing snapshot")
    wait_for(lambda: httpx.get(f"http://127.0.0.1:{transformer.port}/", trust_env=False).status_code == 200, "alive")
    assert transformer.post(PREDICT, {"instances": [{}]}).status_code == 503
    name = transformer.publish(30)
    transformer.wait_ready()
    answer = transformer.post(PREDICT, {"instances": [{"user_id": "1", "limit": 5}]}).json()["predictions"][0]
    assert answer["degraded"] == ["ranker", "two_tower", "user_features"]
    assert (len(answer["items"]), answer["versions"]["snapshot"], answer["versions"]["ranking"]) == (5, name, None)
    wait_for(lambda: "ready without ranking" in transformer.log(), "the line about the ranker")
    log = transformer.log()
    assert "ready without retrieval" in log
    assert log.count("no snapshot is published") == 1
    assert "Traceback" not in log


def test_events_change_the_next_answer_and_no_others(running: Transformer) -> None:
    def answers(user: str) -> Any:
        answer = running.explain(user_id=user, timestamp=2000)
        return {key: value for key, value in answer.items() if key not in ("request_id", "timings_ms")}

    before = answers("2")
    event = {"user_id": "1", "item_id": "i20", "type": "rating", "value": 5.0, "timestamp": 1000}
    assert running.post("/v1/events", {"events": [event]}).json() == {"stored": 1, "duplicates": 0}
    assert running.post("/v1/events", {"events": [event]}).json() == {"stored": 0, "duplicates": 1}
    mine = running.explain(user_id="1", timestamp=2000)
    assert mine["user"] == "known"
    assert mine["state"]["history"] == [{"item_id": "i20", "value": 5.0, "timestamp": 1000.0}]
    assert mine["seeds"] == ["i20"]
    assert [c["item_id"] for c in mine["candidates"] if "next_item" in c["sources"]] == ["i21"]
    assert [c["removed_by"] for c in mine["candidates"] if c["item_id"] == "i20"] == ["seen"]
    assert answers("2") == before
    assert running.explain(user_id="1", timestamp=999)["state"]["history"] == []


def test_a_dead_redis_leaves_full_answers_and_readiness_and_comes_back(running: Transformer) -> None:
    running.post("/v1/events", {"events": [{"user_id": "1", "item_id": "i2", "type": "view"}]})
    running.redis.kill()
    answer = running.post(PREDICT, {"instances": [{"user_id": "1"}]}).json()["predictions"][0]
    assert answer["degraded"] == ["blocked", "history", "ranker", "similar_to_liked", "two_tower", "user_features"]
    assert len(answer["items"]) == 10
    assert running.is_ready()
    refused = running.post("/v1/events", {"events": [{"user_id": "1", "item_id": "i3", "type": "view"}]})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    running.redis.start()
    wait_for(lambda: len(running.explain(user_id="1")["state"]["history"]) == 1, "the history, read again")
    assert "history" not in running.explain(user_id="1")["degraded"]


def test_it_starts_without_redis_too(transformer: Transformer) -> None:
    transformer.redis.kill()
    transformer.publish(30)
    transformer.start()
    transformer.wait_ready()
    answer = transformer.post(PREDICT, {"instances": [{"user_id": "1"}]}).json()["predictions"][0]
    assert len(answer["items"]) == 10
    wait_for(lambda: "ready without Redis" in transformer.log(), "the line about Redis")


def test_a_new_snapshot_is_taken_up_while_requests_go_on_and_a_broken_one_is_refused_once(running: Transformer) -> None:
    first = running.explain(limit=1)["versions"]["snapshot"]
    seen, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            reply = running.post(PREDICT, {"instances": [{"user_id": str(i), "limit": 20} for i in range(8)]})
            seen.append((reply.status_code, {p["versions"]["snapshot"] for p in reply.json()["predictions"]}))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_for(lambda: (200, {first}) in seen, "an answer from the first snapshot")
        second = running.publish(50)
        wait_for(lambda: (200, {second}) in seen, "an answer from the new snapshot")
        broken = running.folder / "snapshots" / "deadbeef"
        broken.mkdir()
        (broken / "manifest.json").write_text("{")
        (running.folder / "snapshots" / "current").write_text("deadbeef")
        wait_for(lambda: "snapshot deadbeef is refused" in running.log(), "the refusal")
        looks = running.log().count("deadbeef")
        time.sleep(0.5)
        assert running.log().count("deadbeef") == looks == 2
    finally:
        stop.set()
        asking.join()
    assert running.explain(limit=1)["versions"]["snapshot"] == second
    assert {status for status, _ in seen} == {200}
    assert all(len(names) == 1 for _, names in seen)
    assert {name for _, names in seen for name in names} >= {first, second}


def test_a_changed_graph_is_taken_up_and_a_broken_one_is_refused(running: Transformer) -> None:
    path = running.folder / "graph.yaml"
    good = running.explain(limit=1)["versions"]["graph"]
    path.write_text(path.read_text() + "surfaces_of_mars: 1\n")
    wait_for(lambda: "graph.yaml is refused" in running.log(), "the refusal")
    assert "surfaces_of_mars" in running.log()
    assert running.explain(limit=1)["versions"]["graph"] == good
    path.write_text(default_graph("events", {"mode": "off"}, "wall"))
    wait_for(lambda: running.explain(limit=1)["versions"]["graph"] != good, "the new graph")


def test_it_starts_with_a_broken_graph_says_why_and_becomes_ready_once_it_is_mended(transformer: Transformer) -> None:
    path = transformer.folder / "graph.yaml"
    good = path.read_text()
    path.write_text(good + "surfaces_of_mars: 1\n")
    transformer.publish(30)
    transformer.start()
    wait_for(lambda: "listening on" in transformer.log(), "the port")
    said = f"line {len(good.splitlines()) + 1}: surfaces_of_mars: Extra inputs are not permitted"
    for reply in (
        transformer.get("/v1/models/recommender"),
        transformer.post(PREDICT, {"instances": [{}]}),
        transformer.post("/v1/events", {"events": [{"user_id": "1", "item_id": "i1", "type": "view"}]}),
    ):
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert said in reply.json()["error"]
    assert transformer.get("/").status_code == 200  # alive
    assert "recommender_graph_refused 1.0" in transformer.get("/metrics").text.splitlines()
    assert f"{said}; waiting for a good one" in transformer.log()
    path.write_text(good)
    transformer.wait_ready()
    assert transformer.post(PREDICT, {"instances": [{}]}).status_code == 200


def test_the_metrics_count_the_calls_that_were_made(running: Transformer) -> None:
    for i in range(7):
        running.post(PREDICT, {"instances": [{"user_id": str(i), "limit": 2}]})
    running.post(PREDICT, {"instances": [{"limit": 0}]})
    lines = running.get("/metrics").text.splitlines()
    assert 'recommender_requests_total{code="200",surface="home"} 7.0' in lines
    assert 'recommender_requests_total{code="400",surface="home"} 1.0' in lines
    assert 'recommender_degraded_total{component="ranker"} 7.0' in lines
    assert 'recommender_shown_total{source="popular"} 14.0' in lines
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if not line.startswith("#")}
    assert 0 <= values["recommender_event_loop_lag_seconds"] < 5
    assert 0 < values["recommender_snapshot_age_seconds"] < 60
    assert values["recommender_feature_age_seconds"] > 1e8
    assert 0 < values["recommender_catalogue_coverage_ratio"] <= 1
    assert (
        values['recommender_answers_total{surface="home",user="unknown"}']
        == values['recommender_degraded_answers_total{surface="home"}']
        == 7
    )
    assert values["recommender_graph_refused"] == 0


def test_a_weaker_fsync_is_warned_about_once(transformer: Transformer) -> None:
    transformer.redis.kill()
    transformer.redis.appendfsync = "everysec"
    transformer.redis.start()
    transformer.publish(30)
    transformer.start()
    transformer.wait_ready()
    assert transformer.log().count("Redis has appendfsync everysec") == 1


def test_sigterm_drains_without_a_failed_request(running: Transformer) -> None:
    statuses: list[int] = []
    closing = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", trust_env=False) as client:
            while not closing.is_set():
                reply = client.post(PREDICT, json={"instances": [{"user_id": "1"}]})
                statuses.append(reply.status_code)
                if reply.headers.get("connection") == "close":
                    closing.set()

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for(lambda: len(statuses) > 5, "requests")
    assert running.stop() == 0
    asking.join()
    assert set(statuses) == {200}
    assert closing.is_set()
    assert "Traceback" not in running.log()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RANKING_TARGET": None}, "RANKING_TARGET"),
        ({"PORT": "many"}, "PORT"),
        ({"GRAPH": "/nowhere/graph.yaml"}, "/nowhere/graph.yaml"),
    ],
)
def test_a_wrong_setting_ends_it_with_one_line(transformer: Transformer, environment: dict[str, str | None], said: str) -> None:
    given = {name: value for name, value in environment.items() if value is not None}
    transformer.start(**given, **{name: "" for name, value in environment.items() if value is None})
    assert transformer.process is not None
    assert transformer.process.wait(20) == 1
    transformer.process = None
    (line,) = [line for line in transformer.log().splitlines() if line.startswith("error: ")]
    assert said in line
    assert "Traceback" not in transformer.log()


def test_a_taken_port_ends_it_with_one_line(running: Transformer) -> None:
    second = Transformer(running.folder, running.redis, running.port)
    second.start()
    assert second.process is not None
    assert second.process.wait(20) == 1
    assert f"error: PORT: 127.0.0.1:{running.port} cannot be listened on" in running.log()
    assert running.is_ready()


def test_one_bad_request_leaves_nothing_in_the_log(running: Transformer) -> None:
    before = running.log()
    bodies: list[Any] = [{"instances": []}, [], {"instances": [{"limit": "x"}]}]
    for body in bodies:
        assert running.post(PREDICT, body).status_code == 400
    assert json.loads(running.post("/v1/models/nobody:predict", {}).content)["field"] == "model"
    assert running.log() == before
