"""The baselines, tuned and asked in this process; each is a part that is kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import rec_models
from rec_models.evaluation.baselines.catalogue import BASELINES
from rec_models.evaluation.contestants import Contestant, Phase
from rec_models.evaluation.parts import Part, code, kept
from rec_models.evaluation.plan import Plan
from rec_models.evaluation.tuning import tune

HERE, PACKAGE = Path(__file__).parent, Path(rec_models.__file__).parent


def baselines(plan: Plan, phase: Phase) -> dict[str, Contestant]:
    own_code = [HERE / "baselines", *(HERE / f"{name}.py" for name in ("requests", "rankings", "tuning"))]
    inputs = (plan.key, code(*own_code, PACKAGE / "item_to_item.py", PACKAGE / "linear_weights.py"))

    def make(name: str) -> Part:
        with phase(name) as advance:
            tuned = tune(BASELINES[name], plan.split, plan.seen, advance)
        return Part(tuned.rows, {key: value for key, value in asdict(tuned).items() if key != "rows"})

    found = {}
    for name in BASELINES:
        part = kept(plan.folder / "parts", name, inputs, lambda name=name: make(name))  # type: ignore[misc]
        found[name] = Contestant(part.arrays, part.facts)
    return found
