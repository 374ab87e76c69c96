"""`bench scale` says what it counts: the controller is what remote steps leave, and sizes are checked before anything is made."""

from __future__ import annotations

import pytest
from rich.console import Console
from typer.testing import CliRunner

from inference_graph.bench.command import app
from inference_graph.bench.scale import ScaleReport, SizeFigures, controller_wall
from inference_graph.bench.scale_recall import Found
from inference_graph.bench.scale_swap import Swap, bearable_rate
from inference_graph.bench.scale_table import show_scale
from inference_graph.errors import InvalidConfiguration

PROCESSES = ("redis", "retrieval", "ranking", "transformer")


def figures(items: int, cpu: float = 2.0, undisturbed: int = 0, **without: int) -> SizeFigures:
    memory = dict.fromkeys(PROCESSES, 100.0)
    return SizeFigures(
        items=items,
        requests=10,
        without={},
        p50_ms=9.0,
        p99_ms=20.0,
        controller_cpu_ms=cpu,
        controller_wall_ms=1.0,
        steps_p50_ms={"two_tower": 3.0, "similar_to_liked": 2.0, "ranker": 4.0},
        retrieval=Found(0.97, 3.0),
        vectors=Found(0.99, 2.0),
        vectors_by_width={100: Found(0.99, 2.0)},
        index={},
        card={"catalogue_limit": "Every item is scored.", "lists": {"recall_by_probes": {"16": 0.5}}},
        snapshot_load_s=0.1,
        seconds=dict.fromkeys([*(f"{name} ready" for name in PROCESSES), "index"], 1.0),
        peak_rss_mb=memory,
        private_mb=memory,
        swap=Swap(20.0, 40.0, 50.0, 60.0, (60.0,), {"history": undisturbed} if undisturbed else {}, without),
    )


def test_of_each_hop_only_the_longest_remote_step_is_taken_off():
    user, sources = {"history": 3.0}, {"two_tower": 5.0, "similar_to_liked": 4.0, "popular": 0.5}
    timings = {"total": 20.0, **user, **sources, "ranker": 6.0}
    assert controller_wall(timings) == pytest.approx(6.0)
    assert controller_wall({"total": 4.0, "history": 1.0}) == pytest.approx(3.0)


def test_the_ratio_is_the_largest_to_the_smallest_and_a_degraded_answer_is_a_fault():
    report = ScaleReport({}, [figures(10_000), figures(1_000_000, cpu=2.4)])
    assert report.controller_ratio == pytest.approx(1.2)
    assert report.faultless
    assert report.document()["controller_ratio"] == 1.2
    assert not ScaleReport({}, [figures(10_000, ranker=1)]).faultless
    assert not ScaleReport({}, [figures(10_000, undisturbed=1)]).faultless
    assert ScaleReport({}, [figures(10_000, fewer_candidates=3)]).faultless


def test_recall_is_printed_beside_the_time():
    console = Console(record=True, width=120)
    report = ScaleReport({"cpu": "x", "cores": 2, "memory_gib": 1, "system": "s", "python": "p"}, [figures(10_000), figures(1_000_000)])
    show_scale(console, report)
    text = console.export_text()
    assert "1,000,000 items" in text
    assert "EF_RUNTIME 100: recall@100 0.990" in text
    assert "worst of the swap / undisturbed p99" in text


def test_a_snapshot_is_swapped_under_a_load_that_the_machine_bears():
    assert bearable_rate(10.0) == 20.0
    assert bearable_rate(40.0) == pytest.approx(8.3)


@pytest.mark.parametrize("sizes", ["", "ten", "10000,", "100", "-5"])
def test_sizes_that_cannot_be_made_are_refused_first(sizes):
    result = CliRunner().invoke(app, ["scale", "--items", sizes])
    assert isinstance(result.exception, InvalidConfiguration)
    assert "2000" in str(result.exception)
