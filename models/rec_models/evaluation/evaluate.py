"""The order of an evaluation: the plan, the baselines, the graph in a world of its own, the report's content."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rec_models.evaluation.baseline_answers import baselines
from rec_models.evaluation.contestants import Phase
from rec_models.evaluation.graph_answers import graph_and_stages
from rec_models.evaluation.memory import PeakMemory
from rec_models.evaluation.plan import Options, Plan, make_plan, withhold
from rec_models.evaluation.results import summary
from rec_models.vectors import local_vectors


def evaluate(options: Options, home: Path, phase: Phase) -> dict[str, Any]:
    """Everything that the report says, in the form of its JSON. Raises InvalidData, ValueError or SpoiltWorld."""
    started = time.monotonic()
    with PeakMemory() as memory:
        with phase("data"):
            plan = make_plan(options, home)
            withhold(plan, options.data)
        others = baselines(plan, phase)
        graph = graph_and_stages(plan, phase, options.seeds)
        with phase("report"):
            vectors = local_vectors(plan.dataset.items, plan.dataset.description.columns).astype(np.float32)
            content = summary(plan, replace(graph, contestants={**graph.contestants, **others}), vectors)
    return {
        **content,
        "models": {name: {key: card[key] for key in ("metrics", "settings", "created", "learning")} for name, card in graph.cards.items()},
        "test_reads": _count_reading(plan),
        "seconds": time.monotonic() - started,
        "peak_rss_mb": memory.peak_mb,
    }


def _count_reading(plan: Plan) -> int:
    """How often this test split has been reported on, this time included: choices belong to validation."""
    path = plan.folder / "test_reads.json"
    reads = 1 + (json.loads(path.read_text()) if path.exists() else 0)
    path.write_text(json.dumps(reads))
    return reads
