"""Drops the items that meet a business rule's condition."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inference_graph.conditions import Condition
from inference_graph.matching import matches
from inference_graph.types import Candidates, Mask, Query


class Attributes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attributes"]
    name: str = Field("attributes", min_length=1, description="shown by explain as what removed an item")
    drop: Condition

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        drop = self.drop
        return ~matches(query.catalogue, candidates.rows, drop.category_filter(), drop.column_filters(), candidates.columns)
