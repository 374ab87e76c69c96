"""The traffic of the cluster's tests counts what really came, and sends by the clock."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cluster.release import ALONE, merged, replicas
from cluster.traffic import SCRIPT, Counted


class Answers(BaseHTTPRequestHandler):
    """u00003 is refused, u00004 gets no items, u00005 an answer without the ranker, u00006 none; a path of /slow takes its time."""

    protocol_version = "HTTP/1.1"
    connections: set[Any]

    def do_POST(self) -> None:
        self.connections.add(self.client_address)
        user_id = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"][0]["user_id"]
        if self.path == "/slow":
            time.sleep(0.5)
        if user_id == "u00006":
            self.close_connection = True
            return
        versions = {"retrieval": "1", "ranking": None if user_id == "u00005" else "2", "snapshot": "a", "graph": "g"}
        answer = {"user": "known", "items": [] if user_id == "u00004" else [{}], "degraded": ["ranker"] if user_id == "u00005" else []}
        body = json.dumps({"predictions": [answer | {"versions": versions}]}).encode()
        self.send_response(503 if user_id == "u00003" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, set[Any]]]:
    handler = type("Handler", (Answers,), {"connections": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.connections
    server.shutdown()
    server.server_close()


def load(url: str, *numbers: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, SCRIPT, url, *map(str, numbers)], stdout=subprocess.PIPE, text=True)


def lines(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def test_failures_and_what_answers_lack_are_counted_by_the_second(server: tuple[str, set[Any]]) -> None:
    url, connections = server
    found = lines(load(url, 20, 2, 10))
    counted = Counted.of(found)
    assert [line["sent"] for line in found] == [20, 20]
    assert counted.sent == 40
    assert sorted(failure.split(":")[0] for failure in counted.failures.elements()) == [
        *["200 without items"] * 4,
        *["503"] * 4,
        *["RemoteProtocolError"] * 4,
    ]
    assert (counted.degraded, counted.users) == ({"ranker": 4}, {"known": 32})
    assert counted.versions["ranking"] == {"2": 28, "none": 4}
    # 20 open one each; the others share those of a few clients, and one that was cut is opened anew.
    assert 20 < len(connections) < 35


def test_requests_go_out_by_the_clock_and_the_end_waits_for_answers(server: tuple[str, set[Any]]) -> None:
    url, _ = server
    process = load(f"{url}/slow", 10, 60, 3)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    counted = Counted.of(lines(process))
    assert 10 <= counted.sent <= 40
    assert counted.users["known"] == counted.sent
    assert 500 <= counted.slowest_ms < 5_000


def test_values_are_merged_as_helm_does_it() -> None:
    values = merged(ALONE, replicas(1, 1, 1, ranking=3), {"ranking": {"resources": {"requests": {"cpu": "50m"}}}})
    assert values["ranking"] == {"minReplicas": 1, "maxReplicas": 3, "resources": {"requests": {"cpu": "50m"}}}
    assert values["transformer"] == {"minReplicas": 1, "maxReplicas": 1}
