"""The order of the stages: one request's way from a query to an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inference_graph import metrics
from inference_graph.clients import User, UserStore
from inference_graph.exposure import SHOWN_LATELY, diversity
from inference_graph.features import TYPE_VALUES
from inference_graph.fusion import fuse
from inference_graph.grouping import best_first
from inference_graph.hydrators.user_state import user_state
from inference_graph.overload import Overload
from inference_graph.run import Run, Step
from inference_graph.stages import Booster, CandidateHydrator, CandidateSource, Filter, Ranker, Selector
from inference_graph.types import Candidates, Column, Deadline, Mask, Proposal, Query, Scored, Scores, Selection

Labels = NDArray[np.object_]

BEYOND_LIMIT = "candidate_limit"
BLOCKED = "blocked"
FEWER = "fewer_candidates"
FIRST_ITEMS = 10
"""Of an answer, whose diversity is measured: what a user sees at once."""
POPULAR = "popular"
USER_FEATURES = "user_features"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """All that a request came to; `removed_by[i]` is what took `considered` row i away, or empty.

    `ranked` has the ranker's scores (or the fusion's), `scores` the final ones, `selection` indexes `ranked`. Seconds
    `in_vain` were spent on services that are gone; `overloaded` and `ranker_late` are what Overload.answered takes.
    """

    query: Query
    considered: Candidates
    removed_by: Labels
    ranked: Candidates
    factors: Mapping[str, Scores]
    scores: Scores
    selection: Selection
    degraded: tuple[str, ...]
    versions: Mapping[str, str | None]
    timings_ms: Mapping[str, float]
    in_vain: float = 0.0
    overloaded: bool = False
    ranker_late: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One surface's stages. Filters and boosters are pairs of a name and a component; `weights` float32 [sources] are for fusion."""

    surface: str
    users: Step[UserStore]
    sources: tuple[Step[CandidateSource], ...]
    weights: NDArray[np.float32]
    filters: tuple[tuple[str, Filter], ...]
    candidate_limit: int
    hydrators: tuple[Step[CandidateHydrator], ...]
    late_filters: tuple[tuple[str, Filter], ...]
    ranker: Step[Ranker] | None
    boosters: tuple[tuple[str, Booster], ...]
    selector: Selector
    type_values: Mapping[str, float] = field(default_factory=lambda: TYPE_VALUES)
    overload: Overload = field(default_factory=Overload)
    strict: bool = False

    def __post_init__(self) -> None:
        steps = (self.users, *self.sources, *self.hydrators, *(() if self.ranker is None else (self.ranker,)))
        metrics.begin_answers_at_zero(self.surface, [step.name for step in steps], (BLOCKED, USER_FEATURES, FEWER))

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.sources)

    async def recommend(self, query: Query, deadline: Deadline) -> Answer:
        """The answer within the deadline, with what it did without in `degraded`. Raises only for a required step."""
        run, loop = Run(deadline, self.strict), asyncio.get_running_loop()
        # Counters move after the answer is on its way: nobody waits for them.
        try:
            answer = await self._answer(query, run)
            loop.call_soon(self._count, answer)
            return answer
        finally:
            loop.call_soon(run.observe)

    async def _answer(self, query: Query, run: Run) -> Answer:
        arrived = time.perf_counter()
        query = await self._with_user(query, run)
        considered, versions = await self._candidates(query, run)
        merged_at = time.perf_counter()
        removed_by, kept, fewer = self._filter(query, considered)
        considered, removed_by, kept = self._fill_up(query, considered, removed_by, kept)
        ranked = considered.take(kept)
        run.took("filter", "filters", merged_at)
        ranked, removed_by = await self._hydrate(query, ranked, kept, removed_by, run)
        scored = await self._rank(query, ranked, run)
        if fewer and "ranker" not in run.failed:
            # What was not ranked at all was not ranked in smaller number.
            run.failed.add(FEWER)
        scored_at = time.perf_counter()
        ranked = ranked.with_scores(scored.scores)
        factors = {name: booster.factors(query, ranked) for name, booster in self.boosters}
        scores = np.multiply.reduce([ranked.scores, *factors.values()])
        selection = self.selector.select(query, ranked.with_scores(scores))
        run.took("selector", "selection", scored_at)
        run.took("request", "total", arrived)
        return Answer(
            query=query,
            considered=considered,
            removed_by=removed_by,
            ranked=ranked,
            factors=factors,
            scores=scores,
            selection=selection,
            degraded=tuple(sorted(run.failed)),
            versions={"retrieval": versions.get("two_tower"), "ranking": scored.version},
            timings_ms=run.timings_ms,
            in_vain=run.waited_in_vain(),
            overloaded=bool(run.overloaded),
            ranker_late="ranker" in run.timed_out,
        )

    async def _with_user(self, query: Query, run: Run) -> Query:
        store = self.users.component
        nobody: User | None = None
        user = await run.attempt(self.users, partial(store.read, query.user_id), nobody)
        if user is None:
            run.failed |= {BLOCKED} if query.user_id is None else {BLOCKED, USER_FEATURES}
            return query.with_user(user_state(query, None, None, store.last_blocked, self.type_values))
        if user.features_error is not None:
            run.without(USER_FEATURES, user.features_error.reason)
        return query.with_user(user_state(query, user.stored, user.features, user.stored.blocked, self.type_values))

    async def _candidates(self, query: Query, run: Run) -> tuple[Candidates, dict[str, str | None]]:
        proposals = await self._proposals(query, run)
        run.candidates += [(step.name, "out", len(proposal.rows)) for step, proposal in zip(self.sources, proposals, strict=True)]
        merged = Candidates.merge([proposal.rows for proposal in proposals])
        return merged, {step.name: proposal.version for step, proposal in zip(self.sources, proposals, strict=True)}

    async def _proposals(self, query: Query, run: Run) -> list[Proposal]:
        """Of all sources, side by side. The first has no task of its own, whose end would take the event loop two turns."""
        if not self.sources:
            return []
        others = [asyncio.create_task(self._fetch(place, query, run)) for place in range(1, len(self.sources))]
        try:
            return [await self._fetch(0, query, run), *[await other for other in others]]
        except BaseException:
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            raise

    async def _fetch(self, place: int, query: Query, run: Run) -> Proposal:
        # What the sources before it ask for leaves before this one computes: gRPC sends in the next turn of the event loop.
        for _ in range(place):
            await asyncio.sleep(0)
        step = self.sources[place]
        return await run.attempt(step, partial(step.component.fetch, query), Proposal(np.empty(0, np.int32)))

    def _filter(self, query: Query, candidates: Candidates) -> tuple[Labels, NDArray[np.intp], bool]:
        """What removed each candidate, the rows that stay, the best fused ones, and whether overload let fewer of them stay."""
        removed_by, kept = _apply(self.filters, query, candidates)
        usual = min(len(kept), self.candidate_limit)
        limit = usual if self.ranker is None else min(usual, max(query.limit, self.overload.candidates(self.candidate_limit)))
        if len(kept) > limit:
            order = best_first(fuse(candidates.ranks[kept], self.weights))
            removed_by[kept[order[limit:]]] = BEYOND_LIMIT
            kept = np.sort(kept[order[:limit]])
        return removed_by, kept, limit < usual

    def _fill_up(
        self, query: Query, considered: Candidates, removed_by: Labels, kept: NDArray[np.intp]
    ) -> tuple[Candidates, Labels, NDArray[np.intp]]:
        """Where too few candidates are left for a full answer, adds the next popular items that every filter lets pass."""
        wanted = query.limit - len(kept)
        popular = query.catalogue.popular()
        start = 0
        while wanted > 0 and start < len(popular) and POPULAR in self.source_names:
            ranks = np.full((len(popular[start : start + 4096]), len(self.sources)), np.nan, np.float32)
            ranks[:, self.source_names.index(POPULAR)] = np.arange(start + 1, start + 1 + len(ranks))
            chunk = Candidates(popular[start : start + 4096], ranks, np.zeros(len(ranks), np.float32))
            chunk = chunk.take(~np.isin(chunk.rows, considered.rows))
            more = chunk.take(_apply(self.filters, query, chunk)[1][:wanted])
            kept = np.concatenate([kept, np.arange(len(considered), len(considered) + len(more))])
            considered = _joined(considered, more)
            removed_by = np.concatenate([removed_by, np.full(len(more), "", object)])
            wanted -= len(more)
            start += 4096
        return considered, removed_by, kept

    async def _hydrate(
        self, query: Query, ranked: Candidates, kept: NDArray[np.intp], removed_by: Labels, run: Run
    ) -> tuple[Candidates, Labels]:
        if not self.hydrators:
            return ranked, removed_by
        nothing: Mapping[str, Column] = {}
        calls = (run.attempt(s, partial(s.component.hydrate, query, ranked), nothing) for s in self.hydrators)
        for columns in await asyncio.gather(*calls):
            ranked = ranked.with_columns(columns)
        late, stay = _apply(self.late_filters, query, ranked)
        removed_by[kept] = late
        return ranked.take(stay), removed_by

    async def _rank(self, query: Query, candidates: Candidates, run: Run) -> Scored:
        run.candidates.append(("ranker", "in", len(candidates)))
        scored: Scored | None = None
        if self.ranker is not None and len(candidates):
            scored = await run.attempt(self.ranker, partial(self.ranker.component.score, query, candidates), scored)
        return Scored(fuse(candidates.ranks, self.weights)) if scored is None else scored

    def _count(self, answer: Answer) -> None:
        query, shown = answer.query, answer.selection.chosen
        metrics.ANSWERS.labels(self.surface, query.kind_of_user).inc()
        metrics.DEGRADED_ANSWERS.labels(self.surface).inc(bool(answer.degraded))
        metrics.EMPTY_ANSWERS.labels(self.surface).inc(len(shown) == 0)
        for name in answer.degraded:
            metrics.DEGRADED.labels(name).inc()
        for name, proposed in zip(self.source_names, (~np.isnan(answer.ranked.ranks[shown])).sum(axis=0), strict=True):
            metrics.SHOWN.labels(name).inc(int(proposed))
        for score in answer.scores[shown]:
            metrics.SCORE.observe(float(score))
        metrics.UNKNOWN_ITEMS.inc(int((query.user.history.rows < 0).sum()))
        rows = answer.ranked.rows[shown]
        SHOWN_LATELY.saw(query.catalogue, rows)
        unlike = diversity(query.catalogue.arrays.vectors[rows[:FIRST_ITEMS]])
        if unlike is not None:
            metrics.DIVERSITY.observe(unlike)


def _apply(filters: tuple[tuple[str, Filter], ...], query: Query, candidates: Candidates) -> tuple[Labels, NDArray[np.intp]]:
    """The name of the first filter that removed each candidate (or empty), and the indices of those that stay."""
    removed_by = np.full(len(candidates), "", object)
    kept: Mask = np.ones(len(candidates), np.bool_)
    for name, component in filters:
        mask = component.keep(query, candidates)
        if not mask.all():
            removed_by[kept & ~mask] = name
            kept &= mask
    return removed_by, np.flatnonzero(kept)


def _joined(first: Candidates, second: Candidates) -> Candidates:
    return replace(
        first,
        rows=np.concatenate([first.rows, second.rows]),
        ranks=np.concatenate([first.ranks, second.ranks]),
        scores=np.concatenate([first.scores, second.scores]),
    )
