"""Whether the published models are those of this data, these settings and this code. Imports no TensorFlow: asking is quick."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import inference_graph.features
from inference_graph.errors import InvalidConfiguration
from inference_graph.steps import digest, is_done, mark_done
from inference_graph.storage import list_files
from inference_graph.workspace import Workspace
from rec_models.configuration import CONFIGS, Ranking, Retrieval, read_configuration
from rec_models.data.dataset import load_dataset
from rec_models.events import hand_over

STEP, EVENTS_STEP = "train", "train_events"
MODELS = ("retrieval", "ranking")
QUICK = {"epochs": 1.0}


def configurations(quick: bool) -> tuple[Retrieval, Ranking]:
    """As in models/configs; TRAINING_SEED in the environment takes the place of both seeds."""
    retrieval = read_configuration(Retrieval, CONFIGS / "retrieval.yaml")
    ranking = read_configuration(Ranking, CONFIGS / "ranking.yaml")
    if (seed := os.environ.get("TRAINING_SEED", "")) != "":
        if not seed.isdigit():
            raise InvalidConfiguration(f"TRAINING_SEED: expected a whole number, got {seed!r}")
        own = {"seed": int(seed)}
        retrieval, ranking = retrieval.model_copy(update=own), ranking.model_copy(update=own)
    if not quick:
        return retrieval, ranking
    fewer = {"cuts": ranking.cuts[-1:], "requests": ranking.requests // 30, "newest_requests": ranking.newest_requests // 30}
    return retrieval.model_copy(update=QUICK), ranking.model_copy(update={**QUICK, **fewer})


def up_to_date(workspace: Workspace, quick: bool, keep: bool = False) -> Mapping[str, int] | None:
    """The published versions where training again would change nothing, else None; `keep` overlooks events moved since."""
    published = {name: versions(workspace.models / name) for name in MODELS}
    same = is_done(workspace, STEP, _inputs(workspace, quick)) and (keep or is_done(workspace, EVENTS_STEP, _events(workspace)))
    return {name: numbers[-1] for name, numbers in published.items()} if same and all(published.values()) else None


def mark_trained(workspace: Workspace, quick: bool) -> None:
    mark_done(workspace, EVENTS_STEP, _events(workspace))
    mark_done(workspace, STEP, _inputs(workspace, quick))


def versions(base: Path) -> list[int]:
    """The numbers of a model's published versions, ascending."""
    return sorted(int(path.name) for path in base.iterdir() if path.name.isdigit()) if base.is_dir() else []


def _inputs(workspace: Workspace, quick: bool) -> dict[str, str]:
    return {
        "data": load_dataset(workspace.data).description.hash,
        "settings": digest(str(quick), *(settings.model_dump_json() for settings in configurations(quick))),
        "code": training_code(),
    }


def training_code() -> str:
    """Changes with everything that a training runs."""
    return digest(Path(inference_graph.features.__file__), *sorted(Path(__file__).parent.glob("*.py")))


def _events(workspace: Workspace) -> dict[str, str]:
    hand_over(workspace)
    return {"events": digest(*list_files(f"{workspace.offline}/events", ".parquet"))}
