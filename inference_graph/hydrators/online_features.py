"""Columns that change between snapshots, such as price or stock, read for the candidates from Feast's online store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients, ItemFeatureStore
from inference_graph.types import Candidates, Column, Query


class OnlineFeaturesSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["online_features"]
    columns: tuple[str, ...] = Field(min_length=1, description="as view:feature, such as item_attributes:price")
    timeout_seconds: float = Field(0.1, gt=0, le=10, description="time for the one call")

    def build(self, clients: Clients) -> OnlineFeatures:
        return OnlineFeatures(clients.item_features, self.columns)


@dataclass(frozen=True)
class OnlineFeatures:
    store: ItemFeatureStore
    columns: tuple[str, ...]

    async def hydrate(self, query: Query, candidates: Candidates) -> Mapping[str, Column]:
        item_ids = [query.catalogue.item_id(row) for row in candidates.rows]
        return await self.store.read_items(item_ids, self.columns)
