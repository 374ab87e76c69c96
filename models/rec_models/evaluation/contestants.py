"""Everybody who answers the test requests, by the names under which reports list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference_graph.features import RANKED_SOURCES
from rec_models.evaluation.rankings import Rows

GRAPH, CAPPED, LEARNED = "graph", "graph, with caps", "LightGBM"
"""LEARNED is measured beside the best baseline: it is given what the graph's own sources and features say."""
STAGES = ("fusion", *RANKED_SOURCES)
SHOWN = 10
"""Items of the answers with caps."""
Advance = Callable[[float], None]
Phase = Callable[[str], AbstractContextManager[Advance]]


@dataclass(frozen=True, eq=False)
class Contestant:
    """`rows`: rankings of the test requests by mode of `seen`; `facts`: settings and costs."""

    rows: Mapping[str, Rows]
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Answers:
    """All contestants by name, and the graph's own scores float32 [R, DEPTH]. `offline_gap`: by how much a score of the served ranker
    differed at most from that of its model asked in this process. `without`: rankings of the requests that are examined, by what was
    withheld from the ranker (rec_models.evaluation.ablation). `further`: the graph's rankings after trainings with other seeds.
    """

    contestants: Mapping[str, Contestant]
    scores: NDArray[np.float32]
    cards: Mapping[str, Mapping[str, Any]]
    offline_gap: float
    without: Mapping[str, Rows]
    further: tuple[Mapping[str, Rows], ...] = ()
