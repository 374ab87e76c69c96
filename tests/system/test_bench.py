"""`inference-graph bench` against the running graph: its figures are there, and no ratio has become worse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "inference-graph"
MEASURED = {"ratio_to_floor": 1.42, "overhead_to_empty": 2.82, "naive_to_ours": 1.87, "naive_cpu_to_ours": 2.97}
"""Here: a hundred candidates of the built-in world, the middle of five runs. Who makes a ratio better writes the new one down. The
naive way's ratios are the lowest middles so far, of earlier code on another machine; today's on a slow one gave 2.64, 3.07.
"""
NOISE = {"ratio_to_floor": 0.15, "overhead_to_empty": 0.25, "naive_to_ours": 0.15, "naive_cpu_to_ours": 0.4}
"""Five runs lay within 5, 22, 4 and 7 percent of their middle; with both cores busy by other work the last was 26 percent less."""
STAGES = {"history", "two_tower", "similar_to_liked", "next_item", "popular", "filters", "ranker", "selection", "total"}


@pytest.fixture(scope="module")
def bench(system, tmp_path_factory):
    """The finished command and its JSON; what ran before is all that runs after."""
    file = tmp_path_factory.mktemp("bench") / "bench.json"
    before = processes(system)
    options = ("--users", "40", "--candidates", "100", "--rate", "5", "--duration", "4", "--json", str(file))
    run = subprocess.run([COMMAND, "bench", *options], env=system.environment(), capture_output=True, text=True, timeout=240)
    assert file.exists(), run.stdout[-1000:] + run.stderr[-2000:]
    assert processes(system) == before
    return run, json.loads(file.read_text())


def processes(system):
    """The ids of what runs for this home."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"INFERENCE_GRAPH_HOME={system.home}".encode() in environment:
            found.add(int(folder.name))
    return found


def test_bench_names_the_machine_and_every_figure(bench):
    run, report = bench
    assert set(report) == {"machine", "rates", "comparison", "peak_rss_mb", "private_mb"}
    assert report["machine"]["cores"] >= 1
    (rate,) = report["rates"]
    assert set(rate) >= {"rate", "requests", "errors", "degraded", "p50_ms", "p95_ms", "p99_ms", "stages"}
    assert (rate["rate"], rate["requests"]) == (5, 20)
    assert rate["p50_ms"] <= rate["p95_ms"] <= rate["p99_ms"]
    assert set(rate["stages"]) == STAGES
    for figures in (report["peak_rss_mb"], report["private_mb"]):
        assert set(figures) == {"transformer", "redis", "retrieval", "ranking"}
        assert all(megabytes > 1 for megabytes in figures.values())
    for words in (report["machine"]["cpu"], "ours", "floor", "empty", "naive", "two_tower"):
        assert str(words) in run.stdout


def test_its_exit_status_says_whether_every_answer_was_full(bench):
    run, report = bench
    faultless = report["comparison"]["not_full"] == 0 and not any(
        rate["errors"] or rate["degraded"] or rate["ranked_too_few"] for rate in report["rates"]
    )
    assert run.returncode == (0 if faultless else 1), run.stderr


def test_a_request_costs_more_than_what_it_must_cost(bench):
    floor, ours, empty = (bench[1]["comparison"][f"{name}_p50_ms"] for name in ("floor", "ours", "empty"))
    assert 0 < empty < ours
    assert 0 < floor < ours


def test_no_ratio_is_worse_than_it_was_by_more_than_its_noise(bench, record_property):
    """A ratio is taken at the end of its printed interval that speaks for it."""
    comparison = bench[1]["comparison"]
    record_property("figure", ", ".join(f"{name} {comparison[name]}" for name in MEASURED))
    for name in ("ratio_to_floor", "overhead_to_empty"):
        assert comparison["noise"][name][0] < MEASURED[name] * (1 + NOISE[name]), name
    assert comparison["noise"]["naive_to_ours"][1] > MEASURED["naive_to_ours"] / (1 + NOISE["naive_to_ours"])
    assert comparison["naive_cpu_to_ours"] > MEASURED["naive_cpu_to_ours"] / (1 + NOISE["naive_cpu_to_ours"])


def test_each_ratio_lies_within_its_printed_noise(bench):
    comparison = bench[1]["comparison"]
    for name, (low, high) in comparison["noise"].items():
        assert low - 0.01 <= comparison[name] <= high + 0.01
