"""One setting of a baseline, trained; the trials of a baseline share what does not depend on the setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rec_models.evaluation.rankings import Scorer
from rec_models.sequences import Sequences


@dataclass(frozen=True, eq=False)
class Trial:
    settings: Mapping[str, float]
    scorer: Scorer


Trials = Callable[[Sequences], Iterator[Trial]]
"""From the training part; at most MOST_TRIALS, each made when it is asked for."""
MOST_TRIALS = 20
