"""The final order: best score first, under hard caps per category and, where asked, diversity by maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from inference_graph.selection.feasibility import Cap, Places, SearchBound
from inference_graph.selection.first_allowed import Rule, first_allowed
from inference_graph.types import Candidates, Query, Rows, Selection

SEARCH_BOUND = "search_bound"


class CategoryCap(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at_most: int = Field(ge=1, le=500, description="items of one category")
    first: int = Field(ge=1, le=500, description="among the first so many places")
    ignore: tuple[str, ...] = Field((), description="categories that are not counted")

    @property
    def name(self) -> str:
        return f"at_most_{self.at_most}_of_a_category_in_first_{self.first}"


class Capped(BaseModel):
    """At each place the best current score from which the remaining windows can still be filled.

    Current score = score, or with `diversity` d: (1 - d) x score - d x greatest cosine similarity to what is placed
    (Carbonell and Goldstein, 1998). Where no order obeys, caps are raised one by one (`relax`) or the answer ends early.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["capped"] = "capped"
    caps: tuple[CategoryCap, ...] = (CategoryCap(at_most=3, first=5),)
    diversity: float = Field(0.0, ge=0, le=1, description="0 orders by score alone")
    when_impossible: Literal["relax", "shorten"] = "relax"

    def select(self, query: Query, candidates: Candidates) -> Selection:
        scores = np.where(np.isfinite(candidates.scores), candidates.scores, np.float32(-np.inf))
        count = min(query.limit, len(candidates))
        order = np.lexsort((candidates.rows, -scores))
        if not self.diversity and (first := self._first_allowed(query, candidates.rows[order], count)) is not None:
            return Selection(order[_with_rest(first, len(order), count)])
        caps = tuple(_cap(cap, query, candidates, count) for cap in self.caps)
        window = max((min(cap.window, count) for cap in caps), default=0)
        if window == 0 and not self.diversity:
            return Selection(order[:count])
        pool = candidates.take(order)
        marginal = _Marginal(query, pool, scores[order].astype(np.float64), self.diversity)
        caps = tuple(replace(cap, members=cap.members[order]) for cap in caps)
        caps, count, relaxed = self._possible(caps, len(pool), count)
        chosen, bounded = _fill(Places.empty(caps, len(pool), count), marginal, count if self.diversity else min(window, count))
        return Selection(order[_with_rest(chosen, len(pool), count)], (*relaxed, *bounded))

    def _first_allowed(self, query: Query, rows: Rows, count: int) -> list[int] | None:
        """The places under caps as indices of `rows`, which are best first; None where it takes a search to fill them."""
        offsets, ids = query.catalogue.arrays.category_offsets, query.catalogue.arrays.category_ids
        rules = [Rule(cap.at_most, min(cap.first, count), _exempt(cap, query)) for cap in self.caps]
        return first_allowed(rules, lambda index: set(ids[offsets[rows[index]] : offsets[rows[index] + 1]].tolist()), len(rows))

    def _possible(self, caps: tuple[Cap, ...], candidates: int, count: int) -> tuple[tuple[Cap, ...], int, tuple[str, ...]]:
        """Caps and length that some order obeys, and the names of the caps that had to give way."""
        relaxed: list[str] = []
        turn = 0
        while count and not _fillable(caps, candidates, count):
            if self.when_impossible == "shorten":
                count -= 1
                continue
            cap = caps[turn % len(caps)]
            caps = tuple(replace(c, most=c.most + 1) if c is cap else c for c in caps)
            relaxed += [] if cap.name in relaxed else [cap.name]
            turn += 1
        return caps, count, tuple(relaxed)


def _cap(cap: CategoryCap, query: Query, candidates: Candidates, count: int) -> Cap:
    """The cap over the categories that occur in the pool, without ignored ones and those that the request asks for."""
    index, category = query.catalogue.category_pairs(candidates.rows)
    counted = ~np.isin(category, list(_exempt(cap, query)))
    present, column = np.unique(category[counted], return_inverse=True)
    members = np.zeros((len(candidates), len(present)), np.bool_)
    members[index[counted], column] = True
    return Cap(cap.name, members[:, members.sum(axis=0) > cap.at_most], cap.at_most, min(cap.first, count))


def _exempt(cap: CategoryCap, query: Query) -> set[int]:
    known = query.catalogue.categories
    return {known.index(name) for name in (*cap.ignore, *query.categories.any) if name in known}


def _with_rest(first: Sequence[int], candidates: int, count: int) -> NDArray[np.intp]:
    """Those, and then the next best up to `count`."""
    taken = set(first)
    others = (index for index in range(candidates) if index not in taken)
    return np.array([*first, *islice(others, count - len(first))], np.intp)


def _fillable(caps: tuple[Cap, ...], candidates: int, count: int) -> bool:
    try:
        return Places.empty(caps, candidates, count).fillable()
    except SearchBound:
        return True


class _Marginal:
    """The current scores of a pool that is sorted by score, updated as items are placed."""

    def __init__(self, query: Query, pool: Candidates, scores: NDArray[np.float64], diversity: float) -> None:
        self.current = scores.copy()
        self._diversity = diversity
        if diversity:
            self._scores = scores
            self._vectors = query.catalogue.arrays.vectors[pool.rows].astype(np.float32)
            self._similarity = np.zeros(len(pool), np.float32)
            self.current = (1 - diversity) * scores

    def placed(self, index: int) -> None:
        if self._diversity:
            np.maximum(self._similarity, self._vectors @ self._vectors[index], out=self._similarity)
            self.current = (1 - self._diversity) * self._scores - self._diversity * self._similarity


def _fill(places: Places, marginal: _Marginal, length: int) -> tuple[list[int], tuple[str, ...]]:
    """Fills `length` places; beyond the search's bound the pick is greedy, and the second value says so."""
    chosen: list[int] = []
    bounded: set[str] = set()
    while len(chosen) < length:
        choices = np.flatnonzero(places.allowed())
        if len(choices) == 0:
            break
        for index in choices[np.argsort(-marginal.current[choices], kind="stable")]:
            places.place(int(index))
            try:
                fits = bool(bounded) or places.fillable()
            except SearchBound:
                fits = True
                bounded.add(SEARCH_BOUND)
            if fits:
                break
            places.unplace(int(index))
        else:
            break
        chosen.append(int(index))
        marginal.placed(int(index))
    return chosen, tuple(bounded)
