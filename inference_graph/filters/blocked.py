"""Drops what nobody may be shown now: the blocked items as last read, even while Redis is away."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from inference_graph.grouping import among
from inference_graph.types import Candidates, Mask, Query


class Blocked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["blocked"]

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        return ~among(candidates.rows, query.user.blocked)
