"""Everybody who answers the test requests: the baselines in this process, the graph and its stages over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import inference_graph
import rec_models
from inference_graph.features import RANKED_SOURCES
from rec_models.evaluation import replay
from rec_models.evaluation.baselines.catalogue import BASELINES
from rec_models.evaluation.parts import Part, code, kept
from rec_models.evaluation.plan import SERVED, Plan
from rec_models.evaluation.rankings import DEPTH, Rows
from rec_models.evaluation.stages import Stages
from rec_models.evaluation.tuning import tune
from rec_models.evaluation.world import World, cards, measured_graph, put_graph, require_unspoilt, served

HERE = Path(__file__).parent
PACKAGE = Path(rec_models.__file__).parent
SHOWN = 10
STAGES = ("fusion", *RANKED_SOURCES)
GRAPH, CAPPED = "graph", "graph, with caps"
Advance = Callable[[float], None]
Phase = Callable[[str], AbstractContextManager[Advance]]


@dataclass(frozen=True, eq=False)
class Contestant:
    """`rows`: rankings of the test requests by mode of `seen`; `facts`: settings and costs."""

    rows: Mapping[str, Rows]
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Answers:
    """All contestants by name, and the graph's own scores float32 [R, DEPTH]."""

    contestants: Mapping[str, Contestant]
    scores: NDArray[np.float32]
    cards: Mapping[str, Mapping[str, Any]]


def baselines(plan: Plan, phase: Phase) -> dict[str, Contestant]:
    own_code = [HERE / "baselines", *(HERE / f"{name}.py" for name in ("requests", "rankings", "tuning"))]
    inputs = (plan.key, code(*own_code, PACKAGE / "item_to_item.py"))

    def make(name: str) -> Part:
        with phase(name) as advance:
            tuned = tune(BASELINES[name], plan.split, plan.seen, advance)
        return Part(tuned.rows, {key: value for key, value in asdict(tuned).items() if key != "rows"})

    found = {}
    for name in BASELINES:
        part = kept(plan.folder / "parts", name, inputs, lambda name=name: make(name))  # type: ignore[misc]
        found[name] = Contestant(part.arrays, part.facts)
    return found


def graph_and_stages(plan: Plan, phase: Phase) -> Answers:
    """Brings the world up where its answers are not kept from an earlier run."""
    own_code = code(*sorted(PACKAGE.glob("*.py")), PACKAGE / "data", PACKAGE.parent / "configs", Path(inference_graph.__file__).parent)
    inputs = (plan.key, own_code, code(HERE / "replay.py", HERE / "stages.py", HERE / "world.py", HERE / "withheld_data.py"))
    part = kept(plan.folder / "parts", GRAPH, inputs, lambda: _replayed(plan, phase))
    times = part.facts["times"]
    found = {
        GRAPH: Contestant({mode: part.arrays[f"graph {mode}"] for mode in plan.seen}, times),
        CAPPED: Contestant({SERVED: part.arrays["capped"]}, {}),
        **{name: Contestant({SERVED: part.arrays[name]}, {}) for name in STAGES},
    }
    return Answers(found, part.arrays["scores"], part.facts["cards"])


def _replayed(plan: Plan, phase: Phase) -> Part:
    with served(plan.world_data, plan.folder / "home") as world:
        require_unspoilt(world.workspace, plan.split.known)
        stages = Stages.empty(len(plan.split.test))
        with phase("graph, explained") as advance:
            question = _question(plan, world, "explain", SERVED, caps=False)
            replay.ask(world.url, question, partial(stages.take, _rows_by_id(plan)), advance)
        arrays = {"scores": stages.scores, **{name: stages.rows[name] for name in STAGES}, f"graph {SERVED}": stages.rows[GRAPH]}
        arrays["capped"] = _predicted(plan, world, SERVED, True, SHOWN, phase)
        for mode in list(plan.seen)[1:]:
            arrays[f"graph {mode}"] = _predicted(plan, world, mode, False, DEPTH, phase)
        median = 1000.0 * float(np.median(stages.seconds))
        return Part(arrays, {"times": {"request_ms": median}, "cards": cards(world.workspace)})


def _predicted(plan: Plan, world: World, mode: str, caps: bool, limit: int, phase: Phase) -> Rows:
    rows = np.full((len(plan.split.test), limit), -1, np.int32)
    row_of = _rows_by_id(plan)

    def take(number: int, reply: replay.Reply, seconds: float) -> None:
        found = [row_of[item["item_id"]] for item in reply["items"]]
        rows[number, : len(found)] = found

    with phase(f"graph, {'with caps' if caps else mode}") as advance:
        replay.ask(world.url, _question(plan, world, "predict", mode, caps, limit), take, advance)
    return rows


def _rows_by_id(plan: Plan) -> Mapping[str, int]:
    return {item_id: row for row, item_id in enumerate(plan.dataset.items["item_id"].to_list())}


def _question(plan: Plan, world: World, verb: Any, mode: str, caps: bool, limit: int = DEPTH) -> replay.Question:
    types = frozenset(plan.dataset.interactions["type"].unique().to_list())
    version = put_graph(world.workspace, measured_graph(world.graph, plan.seen[mode], caps, types))
    return replay.Question(verb, replay.instances(plan.split.test, plan.events, plan.split.train, limit), version)
