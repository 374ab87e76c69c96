"""The replay against a small HTTP server: it waits for its graph, asks again for half answers, and says what went wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from inference_graph.errors import DependencyBadResponse
from rec_models.evaluation.replay import Question, ask

Answering = Callable[[int, dict[str, Any]], tuple[int, dict[str, Any]]]
QUESTION = Question("predict", [{"user_id": f"u{number}"} for number in range(5)], "new")


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], str]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answering: Answering) -> str:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append(self.path)
                status, answer = answering(len(asked), body["instances"][0])
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(graph: str = "new", degraded: tuple[str, ...] = (), **more: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"predictions": [{"degraded": list(degraded), "versions": {"graph": graph}, **more}]}


def taken(url: str) -> dict[int, Any]:
    found: dict[int, Any] = {}
    ask(url, QUESTION, lambda number, reply, seconds: found.update({number: reply["for"]}), lambda share: None)
    return found


def test_every_instance_is_asked_once_the_graph_to_be_measured_answers(serve: Callable[[Answering], str]) -> None:
    url = serve(lambda count, instance: answer("old" if count < 3 else "new", **{"for": instance["user_id"]}))
    assert taken(url) == {number: f"u{number}" for number in range(5)}


def test_an_answer_that_did_without_something_is_asked_for_again(serve: Callable[[Answering], str]) -> None:
    url = serve(lambda count, instance: answer(degraded=("ranker",) if count in (3, 4) else (), **{"for": instance["user_id"]}))
    assert len(taken(url)) == 5


def test_answers_that_stay_degraded_are_not_measured(serve: Callable[[Answering], str]) -> None:
    url = serve(lambda count, instance: answer(degraded=("history", "ranker"), **{"for": 0}))
    with pytest.raises(DependencyBadResponse, match=r"3 answers for user u\d did without history, ranker: such answers are not"):
        taken(url)


def test_a_refusal_is_told_with_its_status_and_reason(serve: Callable[[Answering], str]) -> None:
    url = serve(lambda count, instance: (400, {"error": "instances[0].history: too long"}))
    with pytest.raises(DependencyBadResponse, match=r"answered 400: .*instances\[0\].history"):
        taken(url)
