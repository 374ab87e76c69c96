"""`inference-graph evaluate` from a data folder to its report: a world of its own, trained, served, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from time import sleep
from typing import Any

import psutil
import pytest

COMMAND = Path(sys.executable).parent / "inference-graph"
BASELINES = {"popularity", "recent popularity", "item-kNN", "EASE", "EASE, recency", "iALS", "succession", "LightGBM"}
STAGES = {"two_tower", "similar_to_liked", "next_item", "popular", "fusion", "graph", "graph, with caps"}
pytestmark = pytest.mark.timeout(900)  # the first test trains


class Evaluation:
    """One run folder; each call of `run` is the command, to its end."""

    def __init__(self, root: Path) -> None:
        self.root, self.world = root, root / "world"
        self.environment = {**os.environ, "INFERENCE_GRAPH_HOME": str(root / "run")}
        self.command("data", "synthesize", str(self.world), "--users", "200", "--items", "150", "--events", "3600")

    def command(self, *arguments: str) -> str:
        run = subprocess.run([COMMAND, *arguments], env=self.environment, capture_output=True, text=True, timeout=800)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
        return run.stdout

    def run(self) -> tuple[str, dict[str, Any]]:
        out, page = self.root / "out.json", self.root / "report.html"
        said = self.command("evaluate", "--data", str(self.world), "--last", "2", "--json", str(out), "--report", str(page))
        return said, json.loads(out.read_text())


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return Evaluation(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture(scope="module")
def first(evaluation: Evaluation) -> tuple[str, dict[str, Any]]:
    return evaluation.run()


def test_an_evaluation_that_is_ended_leaves_no_process_behind(evaluation: Evaluation) -> None:
    command = [COMMAND, "evaluate", "--data", str(evaluation.world), "--last", "2"]
    process = subprocess.Popen(command, env=evaluation.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        training = None
        while training is None:
            assert process.poll() is None
            for child in psutil.Process(process.pid).children():
                with suppress(psutil.NoSuchProcess):  # a step before, which has just ended
                    training = child if "train" in child.cmdline() else training
            sleep(0.1)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert not training.is_running()


def test_every_contestant_is_measured_with_intervals_over_the_same_users(first) -> None:
    said, report = first
    assert (report["protocol"], report["users"], report["requests"], report["users_left_out"]) == ("leave-last-out", 200, 400, 0)
    assert set(report["results"]) == BASELINES | STAGES
    for own in report["results"].values():
        assert all(figure["low"] <= figure["mean"] <= figure["high"] for figure in own.values())
    assert {"recall@10", "recall@50", "recall@100", "recall@500", "ndcg@10", "ndcg@100", "mrr@10"} == set(report["results"]["graph"])
    assert report["best_baseline"] in BASELINES | STAGES - {"graph"}
    assert set(report["graph_minus_best_baseline"]["ndcg@10"]) == {"mean", "low", "high"}
    assert report["seconds"] > 0
    assert report["peak_rss_mb"] > 100
    assert "graph" in said


def test_the_graph_is_better_than_showing_everybody_what_is_popular(first) -> None:
    results = first[1]["results"]
    assert results["graph"]["ndcg@10"]["low"] > results["popularity"]["ndcg@10"]["high"]


def test_served_and_offline_ranking_of_one_request_agree(first) -> None:
    assert first[1]["served_and_offline_scores_differ_by"] < 1e-5


def test_a_part_is_worth_what_the_ranker_loses_without_it(first) -> None:
    ablation = first[1]["ablation"]
    assert ablation["requests"] == 400
    added = ablation["ndcg@10"]
    assert {"source two_tower", "source next_item", "history", "item features", "user features"} <= set(added)
    assert added["history"]["low"] > 0


def test_shuffled_labels_fall_to_chance(first) -> None:
    measured = first[1]["shuffled_recall@100"]
    assert measured["chance"] == pytest.approx(100 / 150)
    for name in BASELINES | STAGES - {"graph, with caps", "similar_to_liked", "two_tower", "next_item", "popular"}:
        assert measured[name] < measured["chance"] + 0.08


def test_the_page_needs_nothing_from_elsewhere_and_fits_a_phone(evaluation: Evaluation, first) -> None:
    page = (evaluation.root / "report.html").read_text()
    HTMLParser().feed(page)
    assert not re.search(r"(src|href)=|url\(|@import", page)
    assert "width=device-width" in page
    assert page.count("<svg") >= 6
    plots = ("by segment", "Recall by source and depth", "Do scores mean", "Learning curves", "Quality against cost")
    for title in (*plots, "What each part adds"):
        assert title in page


def test_a_second_run_reports_what_the_first_one_found_without_training_again(evaluation: Evaluation, first) -> None:
    _, report = evaluation.run()
    assert report["models"]["ranking"]["created"] == first[1]["models"]["ranking"]["created"]
    assert report["results"] == first[1]["results"]
    assert report["test_reads"] == first[1]["test_reads"] + 1
