"""The roles of the graph: every stage returns only what it may change; `async` means that it leaves the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from inference_graph.types import Candidates, Column, Mask, Proposal, Query, Scored, Scores, Selection


class CandidateSource(Protocol):
    """Proposes catalogue rows, best first; a row outside the catalogue is an error, a repetition is not."""

    async def fetch(self, query: Query) -> Proposal: ...


class CandidateHydrator(Protocol):
    """Adds columns, each with one row a candidate."""

    async def hydrate(self, query: Query, candidates: Candidates) -> Mapping[str, Column]: ...


class Filter(Protocol):
    """True for each candidate that may stay."""

    def keep(self, query: Query, candidates: Candidates) -> Mask: ...


class Ranker(Protocol):
    """One score in (0, 1] a candidate."""

    async def score(self, query: Query, candidates: Candidates) -> Scored: ...


class Booster(Protocol):
    """One positive factor a candidate."""

    def factors(self, query: Query, candidates: Candidates) -> Scores: ...


class Selector(Protocol):
    """Final order, hard caps and top k over scored candidates."""

    def select(self, query: Query, candidates: Candidates) -> Selection: ...
