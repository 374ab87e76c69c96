"""What `data check` says of a data folder: its figures, what they mean, who is suspect, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rec_models.data.figures import Figures, figures_of
from rec_models.data.meaning import Protocol, meaning, protocol_for
from rec_models.data.prepare import describe, notes
from rec_models.data.reading import read_folder
from rec_models.data.suspects import Suspect, suspects


@dataclass(frozen=True)
class Report:
    """`problem_count` counts all that is wrong, `problem_kinds` by what was expected, `problems` names the first.

    `figures` and `protocol` are None, `suspects` and `meaning` empty where rows are broken; `protocol` also where nothing comes last.
    """

    folder: str
    problem_count: int
    problem_kinds: Mapping[str, int]
    problems: tuple[str, ...]
    figures: Figures | None
    protocol: Protocol | None
    suspects: tuple[Suspect, ...]
    meaning: tuple[str, ...]
    notes: tuple[str, ...]


def check_folder(folder: Path) -> Report:
    """Reads everything and writes nothing. Raises InvalidData where a file or a column is missing."""
    reading = read_folder(folder)
    problems = reading.problems
    if problems.count:
        shown = tuple(str(row) for row in problems.first())
        return Report(str(folder), problems.count, dict(problems.kinds), shown, None, None, (), (), reading.guesses)
    description, interactions = describe(reading, ""), reading.interactions
    figures = figures_of(interactions.frame, description, interactions.duplicates, interactions.merged)
    suspected = suspects(interactions.frame)
    return Report(
        folder=str(folder),
        problem_count=0,
        problem_kinds={},
        problems=(),
        figures=figures,
        protocol=protocol_for(figures.tied_last) if figures.days else None,
        suspects=suspected,
        meaning=meaning(figures, suspected),
        notes=notes(reading, description),
    )
