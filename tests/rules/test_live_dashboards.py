"""The list of empty panels, against a stand-in for Prometheus that knows some metrics and not others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from monitoring.files import dashboards, queries
from monitoring.live import empty_panels


class StandIn(BaseHTTPRequestHandler):
    """Has no data of autoscalers, and no share of events, of which there were none."""

    asked: list[str]

    def do_GET(self) -> None:
        (query,) = parse_qs(urlsplit(self.path).query)["query"]
        self.asked.append(query)
        value = "NaN" if "recommender_events_total" in query else "1"
        result = [] if "horizontalpodautoscaler" in query else [{"metric": {}, "value": [0, value]}]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success", "data": {"result": result}}).encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def prometheus() -> Iterator[str]:
    StandIn.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_query_is_asked_and_those_that_find_nothing_are_listed(prometheus: str) -> None:
    empty = list(empty_panels(prometheus, "shop", "rec"))
    assert len(StandIn.asked) == sum(len(list(queries(dashboard))) for dashboard in dashboards().values())
    assert not any("$" in query.replace('"$1"', "") for query in StandIn.asked)
    assert {line.split(":")[0] for line in empty} == {
        "overview / Events",
        "resources / Autoscalers",
        "resources / CPU as the autoscalers see it",
    }
