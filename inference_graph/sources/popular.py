"""The most popular items, of the categories that the request asks for where it does: what a stranger gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients
from inference_graph.fusion import WEIGHTS
from inference_graph.types import Proposal, Query


class PopularSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["popular"]
    limit: int = Field(200, ge=1, le=5000, description="items proposed at most")
    weight: float = Field(WEIGHTS["popular"], gt=0, le=1000, description="of its ranks where those of all sources are fused")

    def build(self, clients: Clients) -> Popular:
        return Popular(self.limit)


@dataclass(frozen=True)
class Popular:
    limit: int

    async def fetch(self, query: Query) -> Proposal:
        if not query.categories.any:
            return Proposal(query.catalogue.popular()[: self.limit])
        segments = [query.catalogue.popular(category)[: self.limit] for category in query.categories.any]
        places = np.concatenate([np.arange(len(segment)) for segment in segments])
        return Proposal(np.concatenate(segments)[np.argsort(places, kind="stable")][: self.limit])
