"""The arithmetic and the formats of bench: what a figure means must not depend on a running graph."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from inference_graph.bench.asking import Asking
from inference_graph.bench.command import app
from inference_graph.bench.comparison_figures import ComparisonFigures, Measured
from inference_graph.bench.figures import interval, percentile
from inference_graph.bench.graph_variant import MODEL_MOST, with_candidates
from inference_graph.bench.http_messages import Response, is_full, post, predict, whole_response
from inference_graph.bench.open_loop import Outcome, arrivals, offer
from inference_graph.bench.overload import load_of, recovery_seconds
from inference_graph.bench.process_use import cpu_seconds, memory_mb
from inference_graph.bench.recorded_calls import Call, waves
from inference_graph.bench.recording_redis import through
from inference_graph.bench.same_answers import DifferentAnswers, same_items
from inference_graph.bench.step_times import Reading
from inference_graph.errors import DependencyBadResponse, DependencyUnavailable, InvalidConfiguration
from inference_graph.graph import default_graph, load_graph
from inference_graph.local.running import Running
from inference_graph.local.up_file import only_one
from inference_graph.workspace import Workspace


def outcome(due=0.0, milliseconds=10.0, status=200, degraded=(), sent_late=0.0):
    return Outcome(due, due + milliseconds / 1000, sent_late, status, degraded)


@asynccontextmanager
async def serving(talk):
    """The port of a server that talks like that on each connection and then closes it."""
    talks = []

    async def whole_talk(reader, writer):
        talks.append(asyncio.current_task())
        await talk(reader, writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(whole_talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*talks)


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([1, 2, 3, 4], 50) == 2
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([7], 99) == 7
    assert np.isnan(percentile([], 50))


def test_the_interval_of_a_ratio_holds_it_and_narrows_with_more_rounds():
    chance = np.random.default_rng(1)
    few, many = (chance.normal(10, 1, (2, count)) for count in (20, 2_000))
    low, high = interval(2 * many[0], many[1], of="ratio")
    assert low < 2 < high
    wide = interval(2 * few[0], few[1], of="ratio")
    assert high - low < wide[1] - wide[0]


def test_the_comparison_is_made_of_medians_and_mean_cpu():
    times = {"ours": [10, 12, 100], "floor": [8, 8, 8], "empty": [1, 1, 1], "naive": [36, 36, 36]}
    cpu = {"ours": [2, 2, 5], "floor": [1, 2, 3], "empty": [1, 1, 1], "naive": [15, 15, 15]}
    figures = ComparisonFigures.of({name: Measured(times[name], cpu[name]) for name in times}, 0)
    assert (figures.ours_p50_ms, figures.ratio_to_floor, figures.overhead_to_empty, figures.naive_to_ours) == (12, 1.5, 4, 3)
    assert (figures.controller_cpu_ms, figures.naive_cpu_to_ours) == (3, 5)
    assert (figures.floor_cpu_ms, figures.empty_cpu_ms) == (2, 1)


def test_a_late_answer_counts_from_when_its_request_was_due():
    assert outcome(due=2.0, milliseconds=1500).milliseconds == pytest.approx(1500)


def test_requests_are_due_at_the_rate_that_was_asked_for_and_the_same_in_every_run():
    times = arrivals(20, 5)
    assert len(times) == 100
    assert times == sorted(times) == arrivals(20, 5)
    assert 0 == times[0] < times[-1] < 5
    assert np.std(np.diff(times)) > 0.5 * np.mean(np.diff(times))  # people, not a metronome


async def test_an_open_loop_does_not_wait_for_answers_and_counts_their_lateness():
    body = json.dumps({"predictions": [{"degraded": []}]}).encode()
    waiting, arrived = asyncio.Event(), []

    async def answer(reader, writer):
        await reader.readuntil(b"}]}")
        arrived.append(1)
        if len(arrived) == 10:
            waiting.set()
        await waiting.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await reader.read()

    async with serving(answer) as port:
        outcomes = await offer(port, [post("/", {"instances": [{"a": 1}]})], 200, 0.05, lambda: None)
    assert [o.full for o in outcomes] == [True] * 10
    assert outcomes[0].ended >= outcomes[-1].due  # the first waited for the last to arrive
    assert outcomes[0].milliseconds >= outcomes[-1].milliseconds


async def test_a_request_without_an_answer_is_an_error():
    async def refuse(reader, writer):
        await reader.readuntil(b"{}")

    async with serving(refuse) as port:
        outcomes = await offer(port, [post("/", {})], 100, 0.03, lambda: None)
    assert [o.status for o in outcomes] == [0, 0, 0]
    assert not any(o.full for o in outcomes)


def test_a_request_is_one_http_message_with_its_length():
    head, body = predict("recommender", "1", 10, 17.0).split(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/models/recommender:predict HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"instances": [{"user_id": "1", "limit": 10, "timestamp": 17.0}]}


def test_a_response_is_taken_once_it_is_whole_and_what_follows_stays():
    message = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    received = bytearray(message[:-1])
    assert whole_response(received) is None
    received += message[-1:] + b"HTTP"
    assert whole_response(received) == Response(429, b"{}", last=True)
    assert received == b"HTTP"
    with pytest.raises(DependencyBadResponse, match="without Content-Length"):
        whole_response(bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))


def test_a_connection_that_was_closed_meanwhile_is_opened_again_and_a_server_that_is_gone_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Asking(port) as asking:
            listener.accept()[0].close()

            def answer():
                with listener.accept()[0] as connection:
                    connection.recv(1_000)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

            answering = threading.Thread(target=answer)
            answering.start()
            assert asking.ask(b"GET / HTTP/1.1\r\n\r\n") == Response(200, b"{}")
            answering.join()
            listener.close()
            with pytest.raises(DependencyUnavailable, match=f"{port} takes no connection"):
                asking.ask(b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(
    ("degraded", "status", "full"), [([], 200, True), (["ranker"], 200, False), (["fewer_candidates"], 200, False), ([], 503, False)]
)
def test_an_answer_is_full_where_it_did_without_nothing(degraded, status, full):
    assert is_full(Response(status, json.dumps({"predictions": [{"degraded": degraded}]}).encode())) is full


def test_calls_that_overlapped_are_sent_side_by_side_and_the_others_after():
    def call(name, began, ended):
        return Call(name, "", b"", 1, began, ended)

    recorded = [call("ranking", 7, 9), call("redis", 0, 2), call("features", 1, 3), call("retrieval", 4, 6), call("vectors", 4.5, 5)]
    assert [[c.service for c in wave] for wave in waves(recorded)] == [["redis", "features"], ["retrieval", "vectors"], ["ranking"]]


def test_the_measured_graph_ranks_what_was_asked_for_and_keeps_the_rules(tmp_path):
    graph = tmp_path / "graph.yaml"
    graph.write_text(default_graph("ratings", {"mode": "ever"}, "data"))
    variant = tmp_path / "variant.yaml"
    variant.write_text(with_candidates(graph, 800, 1_600))
    before, after = (load_graph(file).surfaces["home"] for file in (graph, variant))
    assert after.candidates == 800
    limits = {source.kind: source.limit for source in after.sources}
    assert limits == {"two_tower": MODEL_MOST, "similar_to_liked": 800, "next_item": 800, "popular": 1_600}
    assert (after.filters, after.selector, after.ranker) == (before.filters, before.selector, before.ranker)
    without = yaml.safe_load(graph.read_text())
    without["surfaces"]["home"]["sources"].pop()
    graph.write_text(yaml.safe_dump(without))
    with pytest.raises(InvalidConfiguration, match="popular"):
        with_candidates(graph, 10, 10)


def test_stages_are_the_difference_of_two_readings():
    def page(fast, slow, seconds):
        label = 'component="ranker",role="ranker"'
        name = "recommender_step_seconds"
        return (
            f"# TYPE {name} histogram\n"
            f'{name}_bucket{{{label},le="0.001"}} {fast}\n{name}_bucket{{{label},le="0.01"}} {fast + slow}\n'
            f'{name}_bucket{{{label},le="+Inf"}} {fast + slow}\n{name}_count{{{label}}} {fast + slow}\n{name}_sum{{{label}}} {seconds}\n'
            "# TYPE recommender_candidates counter\n"
            f'recommender_candidates_total{{component="ranker",direction="in"}} {500 * (fast + slow)}\n'
        )

    before, after = Reading.parse(page(100, 0, 0.05)), Reading.parse(page(190, 10, 0.15))
    stages = after.since(before)["ranker"]
    assert stages["mean_ms"] == pytest.approx(1.0)
    assert stages["p50_ms"] == pytest.approx(0.56, abs=0.01)  # 50 of the 90 in the first bucket
    assert stages["p95_ms"] == pytest.approx(5.5, abs=0.01)  # the middle of the second
    assert after.ranked - before.ranked == 50_000
    assert after.since(after) == {}


def test_other_items_or_other_scores_are_other_answers():
    def answer(*items):
        shown = [{"item_id": item_id, "score": score} for item_id, score in items]
        return Response(200, json.dumps({"predictions": [{"items": shown}]}).encode())

    same_items("1", answer(("a", 0.5), ("b", 0.4)), answer(("a", 0.50001), ("b", 0.4)))
    for other in (answer(("b", 0.5), ("a", 0.4)), answer(("a", 0.5)), answer(("a", 0.6), ("b", 0.4))):
        with pytest.raises(DifferentAnswers, match="user 1"):
            same_items("1", answer(("a", 0.5), ("b", 0.4)), other)


def test_cpu_and_memory_are_those_of_the_process_that_was_named():
    worker = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint('done', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"done\n"
        used = cpu_seconds(process.pid)
        peak, private = memory_mb({"worker": process.pid})
        process.communicate(b"\n")
    assert 0.2 <= used < 5
    assert 1 < private["worker"] <= peak["worker"]
    with pytest.raises(DependencyUnavailable, match="has ended"):
        memory_mb({"worker": process.pid})
    own = cpu_seconds(os.getpid())
    assert own == pytest.approx(time.process_time(), abs=0.5)


def test_overload_counts_what_came_of_each_request_and_takes_the_refusals_off():
    outcomes = [
        *(outcome() for _ in range(50)),
        *(outcome(degraded=("fewer_candidates",), milliseconds=40) for _ in range(30)),
        *(outcome(degraded=("ranker",), milliseconds=90) for _ in range(2)),
        *(outcome(status=429, milliseconds=1) for _ in range(100)),
        *(outcome(status=500) for _ in range(3)),
        outcome(status=0),
    ]
    load = load_of(20.0, outcomes, (10.0, 5.0, 2.0), refusal_ms=10.0, bound_ms=80.0, cores=2)
    assert (load.full, load.fewer_candidates, load.degraded, load.refused, load.errors) == (50, 30, 2, 100, 4)
    assert load.worst_ms == pytest.approx(90)
    assert load.over_bound == 2
    assert load.good_per_cpu_second == pytest.approx(80 / (5.0 - 1.0))
    assert load.cpu_left_seconds == pytest.approx(2 * 10 - 2 - 1)


def test_recovery_ends_with_the_last_answer_that_was_late_or_not_full():
    calm = [outcome(due=due) for due in (0, 1, 2, 3)]
    assert recovery_seconds(calm, 20) == 0
    assert recovery_seconds([*calm, outcome(due=4, degraded=("fewer_candidates",)), outcome(due=5)], 20) == 4
    assert recovery_seconds([*calm, outcome(due=4, milliseconds=21), outcome(due=5)], 20) == 4


def test_the_stand_in_for_redis_keeps_user_password_and_database():
    assert through("redis://me:p%40ss@db.example:6390/3", 7001) == "redis://me:p%40ss@127.0.0.1:7001/3"


def test_without_a_running_graph_bench_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(tmp_path))
    with pytest.raises(InvalidConfiguration, match=r"make run.*inference-graph up"):
        Running.here()


def test_the_up_json_of_an_up_that_was_killed_is_no_running_graph(tmp_path, monkeypatch):
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(tmp_path))
    monkeypatch.setattr(Workspace, "current", lambda: Workspace(tmp_path))
    processes = {name: {"pid": 1, "port": 7000, "rest_port": 7001} for name in ("redis", "retrieval", "ranking", "transformer")}
    (tmp_path / "up.json").write_text(json.dumps({"url": "http://127.0.0.1:7000", "processes": processes}))
    with only_one(tmp_path, 7000):
        assert Running.here().ports.transformer == 7000
    with pytest.raises(InvalidConfiguration, match="no inference graph runs here"):
        Running.here()


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(InvalidConfiguration, match="--rate: expected requests a second such as 10,20,40, got 'fast'"):
        CliRunner().invoke(app, ["--rate", "fast"], catch_exceptions=False)
