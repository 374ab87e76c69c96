"""Candidates that usually follow the user's newest interactions, from the catalogue: no call leaves the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients
from inference_graph.features import next_item_scores
from inference_graph.fusion import WEIGHTS
from inference_graph.types import Proposal, Query


class NextItemSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["next_item"]
    limit: int = Field(200, ge=1, le=5000, description="items proposed at most")
    weight: float = Field(WEIGHTS["next_item"], gt=0, le=1000, description="of its ranks where those of all sources are fused")

    def build(self, clients: Clients) -> NextItem:
        return NextItem(self.limit)


@dataclass(frozen=True)
class NextItem:
    limit: int

    async def fetch(self, query: Query) -> Proposal:
        arrays = query.catalogue.arrays
        rows, _ = next_item_scores(query.user.history.rows, arrays.next_rows, arrays.next_scores)
        return Proposal(rows[: self.limit])
