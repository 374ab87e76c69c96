"""What is wrong with users' data: each broken row with its file and line, and the error that refuses it.

InvalidData (an InferenceGraphError)
    raised for a missing file or column, a wrong dataset.yaml, or rows that are broken
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from inference_graph.errors import InferenceGraphError
from rec_models.data.tables import Table

SHOWN = 20


class InvalidData(InferenceGraphError):
    pass


@dataclass(frozen=True, order=True)
class BrokenRow:
    """`line` is the line of the file, from 1 with the header; the row, from 1, where the file is Parquet."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass
class Problems:
    """Collects broken rows; keeps the first `SHOWN` of each kind and counts all: `kinds`, by the file and what was expected."""

    rows: list[BrokenRow] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.kinds.total()

    def add(self, file: str, line: int, what: str) -> None:
        self.kinds[f"{file}: {what.partition(', got ')[0]}"] += 1
        if self.count <= 50 * SHOWN:
            self.rows.append(BrokenRow(file, line, what))

    def add_where(self, table: Table, bad: pl.Series, column: str, expected: str) -> None:
        """One problem for each row where `bad` is true: `column: expected ..., got ...`."""
        found = bad.arg_true()
        for row in found.head(SHOWN).to_list():
            what = f"{column}: expected {expected}, got {repr(table.frame[column][row])[:80]}"
            self.rows.append(BrokenRow(table.name, table.line(row), what))
        if len(found):
            self.kinds[f"{table.name}: {column}: expected {expected}"] += len(found)

    def first(self) -> list[BrokenRow]:
        return sorted(self.rows)[:SHOWN]

    def refuse(self, folder: Path) -> None:
        """Raises InvalidData where there is any problem, naming the first."""
        if not self.count:
            return
        further = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
        see = f"`inference-graph data check {folder}` lists the first {SHOWN}"
        raise InvalidData(f"{self.first()[0]}{further}; nothing was written, {see}")
