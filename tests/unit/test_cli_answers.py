"""What `recommend` and `explain` show of an answer, asked over HTTP from a stand-in for the transformer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from inference_graph.cli.main import run


def candidate(item_id: str, **more: Any) -> dict[str, Any]:
    nothing = {"removed_by": None, "ranker_score": None, "boosts": {}, "score": None, "position": None}
    return {"item_id": item_id, "sources": {"popular": 3}, **nothing, **more}


PREDICTION = {
    "user_id": "7",
    "user": "known",
    "items": [{"item_id": "50", "title": "Usual [Suspects]", "score": 0.91, "sources": {"popular": 9, "two_tower": 3}}],
    "degraded": ["ranker"],
    "rules_relaxed": ["3 of one category in the first 5"],
    "versions": {"retrieval": "7", "ranking": "12", "snapshot": "abc", "graph": "def"},
    "request_id": "r",
}
EXPLANATION = {
    **PREDICTION,
    "state": {"features": {"interactions": 12.0, "mean_value": None}, "history": [{"item_id": "1", "value": 4.5, "timestamp": 86_400.0}]},
    "seeds": ["1"],
    "candidates": [
        candidate("50", ranker_score=0.7, boosts={"new": 1.3}, score=0.91, position=1),
        candidate("60", ranker_score=0.6, score=0.6),
        candidate("70", ranker_score=0.95, score=0.95),
        candidate("1", removed_by="seen"),
    ],
    "timings_ms": {"history": 1.25, "total": 20.5},
}


class Stand:
    """Answers every POST with what it is told to, and keeps what it was asked."""

    def __init__(self, status: int = 200, body: Any = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        stand = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stand.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                prediction = EXPLANATION if self.path.endswith(":explain") else PREDICTION
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body or {"predictions": [prediction]}).encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def stands(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("COLUMNS", "200")
    made: list[Stand] = []

    def make(**more: Any) -> Stand:
        made.append(Stand(**more))
        monkeypatch.setenv("INFERENCE_GRAPH_URL", made[-1].url)
        return made[-1]

    yield make
    for stand in made:
        stand.close()


def test_recommend_shows_items_scores_sources_with_ranks_and_what_was_missing(stands, capsys):
    stand = stands()
    assert run(["recommend", "7", "--limit", "1"]) == 0
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if "Usual [Suspects]" in line)
    assert row.split()[:2] == ["1", "50"]
    assert "0.910" in row
    assert "two_tower #3, popular #9" in row
    assert "without: ranker" in shown
    assert "3 of one category in the first 5" in shown
    assert "retrieval 7, ranking 12" in shown
    assert stand.asked == [("/v1/models/recommender:predict", {"instances": [{"user_id": "7", "limit": 1}]})]


def test_recommend_shows_what_each_stage_took_when_asked(stands, capsys):
    stands()
    assert run(["recommend", "7", "--timings"]) == 0
    assert ["total", "20.5"] in [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(("command", "answer"), [("recommend", PREDICTION), ("explain", EXPLANATION)])
def test_json_is_the_answer_itself(stands, capsys, command, answer):
    stands()
    assert run([command, "7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == answer


def test_a_shown_item_is_explained_by_its_sources_score_boosts_and_position(stands, capsys):
    stands()
    assert run(["explain", "7", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "50 is shown at position 1 of 1."
    assert "  proposed by: popular #3" in lines
    assert "  ranker:      0.700" in lines
    assert "  boost:       new x 1.3" in lines
    assert "  final score: 0.910, 2. of 3 ranked" in lines
    assert "  1970-01-02  1  value 4.500" in lines
    assert "  the answer did without: ranker" in lines


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("1", "removed by:  seen: the user has already interacted with it"),
        ("60", "60 is not shown: others have higher scores."),
        ("70", "70 is not shown: a rule of the selection (caps, diversity) passed it over."),
        ("999", "999 is not shown to user 7: no source proposed it, or the catalogue does not know it."),
    ],
)
def test_an_item_that_is_not_shown_is_explained_too(stands, capsys, item, words):
    stands()
    assert run(["explain", "7", item]) == 0
    assert words in capsys.readouterr().out


def test_the_whole_explanation_counts_candidates_by_source_and_by_what_removed_them(stands, capsys):
    stands()
    assert run(["explain", "7"]) == 0
    shown = capsys.readouterr().out
    assert "4 candidates" in shown
    assert "1 removed by seen" in shown
    assert "seeds of similar_to_liked): 1" in shown


def test_the_graphs_own_error_is_passed_on(stands, capsys):
    stand = stands(status=400, body={"error": "instances[0].user_id: expected a string, got 1", "field": "f", "request_id": "r"})
    assert run(["recommend", "7"]) == 1
    assert capsys.readouterr().err == f"error: {stand.url} answered 400: instances[0].user_id: expected a string, got 1\n"


def test_something_else_at_that_address_is_named(stands, capsys):
    stand = stands(body=["hello"])
    assert run(["recommend", "7"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {stand.url} does not answer as an inference graph does: 200")


def test_nothing_at_that_address_says_how_to_start_it(stands, capsys):
    stand = stands()
    assert run(["recommend", "7", "--url", "http://127.0.0.1:1"]) == 1
    assert "no inference graph answers at http://127.0.0.1:1" in capsys.readouterr().err
    assert stand.asked == []
