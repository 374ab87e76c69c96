"""The script of `helm test`: it waits for the first prediction, and says why there is none."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from rendered_chart import CHART

Answer = tuple[int, object]
READY: Answer = (200, {"predictions": [{"items": [{"item_id": "1"}]}]})


@pytest.fixture
def serve() -> Iterator[Callable[[list[Answer]], str]]:
    servers: list[HTTPServer] = []

    def start(answers: list[Answer]) -> str:
        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Answers))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/v1/models/recommender:predict"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(url: str, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", (CHART / "files/first_prediction.py").read_text(), url, str(seconds)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"NO_PROXY": "*"})


def test_it_waits_until_there_is_a_prediction(serve: Callable[[list[Answer]], str]) -> None:
    run = ask(serve([(503, {"error": "not ready"}), READY]), 10)
    assert run.returncode == 0, run.stderr
    assert 'waiting: 503 {"error": "not ready"}' in run.stdout
    assert '"item_id": "1"' in run.stdout


@pytest.mark.parametrize(
    ("answer", "reason"),
    [((200, {"predictions": [{"items": []}]}), "without items"), ((400, {"error": "no"}), "answers 400"), ((503, {}), "within 0 s: 503")],
    ids=["empty", "refused", "late"],
)
def test_it_fails_in_words(serve: Callable[[list[Answer]], str], answer: Answer, reason: str) -> None:
    run = ask(serve([answer]), 0)
    assert run.returncode == 1
    assert reason in run.stderr


def test_nobody_there_is_said_so() -> None:
    run = ask("http://127.0.0.1:1/v1/models/recommender:predict", 0)
    assert (run.returncode, "refused" in run.stderr) == (1, True)
