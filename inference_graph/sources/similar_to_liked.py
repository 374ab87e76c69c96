"""Candidates from Redis vector search: the nearest neighbours of the items that the user liked most."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients, VectorSearch
from inference_graph.errors import DependencyUnavailable
from inference_graph.features import seeds
from inference_graph.fusion import WEIGHTS
from inference_graph.model_inputs import ages
from inference_graph.types import Proposal, Query, Rows


class SimilarToLikedSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["similar_to_liked"]
    limit: int = Field(200, ge=1, le=5000, description="items proposed at most")
    weight: float = Field(WEIGHTS["similar_to_liked"], gt=0, le=1000, description="of its ranks where those of all sources are fused")
    seeds: int = Field(5, ge=1, le=20, description="liked items to search around")
    half_life_days: float = Field(30.0, gt=0, description="after this long a liking counts half")
    neighbours: int = Field(100, ge=1, le=1000, description="items searched around each seed")
    timeout_seconds: float = Field(0.1, gt=0, le=10, description="time for the search")

    def build(self, clients: Clients) -> SimilarToLiked:
        return SimilarToLiked(clients.vector_index, self.limit, self.seeds, self.half_life_days, self.neighbours)


@dataclass(frozen=True)
class SimilarToLiked:
    index: VectorSearch
    limit: int
    seeds: int
    half_life: float
    neighbours: int

    def seed_rows(self, query: Query) -> Rows:
        """The catalogue rows that this source searches around, most liked first."""
        history = query.user.history
        best = seeds(history.rows, history.values, history.rated, ages(query), self.seeds, self.half_life)
        return history.rows[best]

    async def fetch(self, query: Query) -> Proposal:
        if not query.user.complete:
            raise DependencyUnavailable("what the user liked could not be read")
        rows = self.seed_rows(query)
        vectors = query.catalogue.arrays.vectors[rows].astype(np.float32)
        searchable = vectors.any(axis=1)
        rows, vectors = rows[searchable], vectors[searchable]
        if len(rows) == 0:
            return Proposal(np.empty(0, np.int32))
        replies = await self.index.search(vectors, self.neighbours)
        found = query.catalogue.rows_of([item_id for reply in replies for item_id in reply])
        asked = np.repeat(vectors, [len(reply) for reply in replies], axis=0)
        similarity = np.vecdot(query.catalogue.arrays.vectors[found].astype(np.float32), asked)
        return Proposal(nearest(found, similarity, rows, self.limit))


def nearest(found: Rows, similarity: NDArray[np.float32], seed_rows: Rows, limit: int) -> Rows:
    """The found rows by their greatest similarity to any seed, without the seeds; ties go to the lower row."""
    best = dict.fromkeys(found[np.lexsort((found, -similarity))].tolist())
    for unwanted in (-1, *seed_rows.tolist()):
        best.pop(unwanted, None)
    return np.fromiter(islice(best, limit), np.int32)
