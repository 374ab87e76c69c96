"""The graph's answers over HTTP, from a world of its own, with those of its stages and of other rankers on the same candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import inference_graph
import rec_models
from rec_models.evaluation import ablation, replay
from rec_models.evaluation.baselines.lambdarank import Trees, grow
from rec_models.evaluation.contestants import CAPPED, GRAPH, LEARNED, SHOWN, STAGES, Answers, Contestant, Phase
from rec_models.evaluation.offline_ranking import OfflineRanking, Served
from rec_models.evaluation.parts import Part, code, kept
from rec_models.evaluation.plan import SERVED, Plan
from rec_models.evaluation.rankings import DEPTH, Rows
from rec_models.evaluation.requests import Requests
from rec_models.evaluation.stages import Stages
from rec_models.evaluation.world import EXAMPLES, World, cards, measured_graph, newest, put_graph, require_unspoilt, served

HERE, PACKAGE = Path(__file__).parent, Path(rec_models.__file__).parent
CHECKED = 50
"""Requests of which the served scores are compared with the model's own."""


def graph_and_stages(plan: Plan, phase: Phase, seeds: int) -> Answers:
    """Brings the world up where its answers are not kept from an earlier run; stages are those of the first of the `seeds` trainings."""
    first, *others = [_seeded(plan, phase, seed) for seed in range(seeds)]
    return replace(first, further=tuple(other.contestants[GRAPH].rows for other in others))


def _seeded(plan: Plan, phase: Phase, seed: int) -> Answers:
    """Number 0 has the configured seeds."""
    product = code(*sorted(PACKAGE.glob("*.py")), PACKAGE / "data", PACKAGE.parent / "configs", Path(inference_graph.__file__).parent)
    names = ("graph_answers", "replay", "stages", "world", "withheld_data", "offline_ranking", "ablation", "baselines/lambdarank")
    inputs = (plan.key, product, code(*(HERE / f"{name}.py" for name in names)))
    own = f"{GRAPH} {seed}" if seed else GRAPH
    part = kept(plan.folder / "parts", own, (*inputs, str(seed)), lambda: _replayed(plan, phase, seed))
    times = part.facts["times"]
    found = {
        GRAPH: Contestant({mode: part.arrays[f"graph {mode}"] for mode in plan.seen}, times),
        LEARNED: Contestant({SERVED: part.arrays[LEARNED]}, part.facts[LEARNED]),
        CAPPED: Contestant({SERVED: part.arrays["capped"]}, {}),
        **{name: Contestant({SERVED: part.arrays[name]}, {}) for name in STAGES},
    }
    without = {name: part.arrays[f"without {name}"] for name in ablation.PARTS}
    return Answers(found, part.arrays["scores"], part.facts["cards"], part.facts["offline_gap"], without)


def _replayed(plan: Plan, phase: Phase, seed: int) -> Part:
    home = plan.folder / (f"home-{seed}" if seed else "home")
    with served(plan.world_data, home, seed or None) as world:
        catalogue = require_unspoilt(world.workspace, plan.split.known)
        with phase(LEARNED):
            trees = grow(home / EXAMPLES)
        item_ids = np.array([item_id.encode() for item_id in plan.dataset.items["item_id"]], np.bytes_)
        watched = Watched(plan.split.test, trees, OfflineRanking(newest(world.workspace, "ranking"), catalogue, plan.split.test, item_ids))
        with phase("graph, explained") as advance:
            replay.ask(world.url, _question(plan, world, "explain", SERVED, caps=False), watched.take, advance)
        arrays = {f"graph {SERVED}": watched.stages.rows[GRAPH], LEARNED: watched.learned, "scores": watched.stages.scores}
        arrays |= {f"without {name}": rows for name, rows in watched.without.items()}
        arrays |= {name: watched.stages.rows[name] for name in STAGES}
        arrays["capped"] = _predicted(plan, world, SERVED, True, SHOWN, phase)
        for mode in list(plan.seen)[1:]:
            arrays[f"graph {mode}"] = _predicted(plan, world, mode, False, DEPTH, phase)
        learned = {"settings": trees.settings, "validation": trees.validation, "trials": trees.trials}
        times = {"request_ms": 1000.0 * float(np.median(watched.stages.seconds))}
        return Part(arrays, {"times": times, LEARNED: learned, "offline_gap": watched.gap, "cards": cards(world.workspace)})


class Watched:
    """What is made of the explanations as they come: the graph's stages, and what other rankers say of the same candidates."""

    def __init__(self, requests: Requests, trees: Trees, offline: OfflineRanking) -> None:
        self.stages, self.trees, self.offline, self.gap = Stages.empty(len(requests)), trees, offline, 0.0
        self.learned = np.full((len(requests), DEPTH), -1, np.int32)
        self._row_of = offline.row_of
        self._examined = {number: place for place, number in enumerate(ablation.examined(requests).tolist())}
        self.without = {name: np.full((len(self._examined), ablation.SHOWN), -1, np.int32) for name in ablation.PARTS}

    def take(self, number: int, explanation: replay.Reply, seconds: float) -> None:
        self.stages.take(self._row_of, number, explanation, seconds)
        ranked = Served.of(explanation)
        inputs = self.offline.inputs(number, ranked)
        rows = np.array([self._row_of[item_id] for item_id in ranked.item_ids], np.int32)
        _put(self.learned[number], rows, self.trees.scores(self.offline.signals(inputs)))
        if number < CHECKED:
            self.gap = max(self.gap, float(np.abs(self.offline.scores(inputs) - ranked.scores).max(initial=0.0)))
        if number in self._examined:
            for name, withheld in ablation.PARTS.items():
                left = withheld(inputs)
                rows = np.array([self._row_of[item_id.decode()] for item_id in left["candidate_ids"][0]], np.int32)
                _put(self.without[name][self._examined[number]], rows, self.offline.scores(left))


def _put(ranking: Rows, rows: Rows, scores: NDArray[np.floating[Any]]) -> None:
    """The best into `ranking` [D], ties to the lower row."""
    best = np.lexsort((rows, -scores))[: len(ranking)]
    ranking[: len(best)] = rows[best]


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


def _question(plan: Plan, world: World, verb: Literal["predict", "explain"], mode: str, caps: bool, limit: int = DEPTH) -> replay.Question:
    types = frozenset(plan.dataset.interactions["type"].unique().to_list())
    version = put_graph(world.workspace, measured_graph(world.graph, plan.seen[mode], caps, types))
    return replay.Question(verb, replay.instances(plan.split.test, plan.events, plan.split.train, limit), version)
