"""Multiplies the score of the items that meet a condition."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from inference_graph.conditions import Condition
from inference_graph.matching import matches
from inference_graph.types import Candidates, Query, Scores


class AttributeBoost(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attribute_boost"]
    name: str = Field(min_length=1, description="shown by explain beside its factor")
    where: Condition
    factor: float = Field(gt=0, le=100, description="above 1 lifts, below 1 lowers")

    def factors(self, query: Query, candidates: Candidates) -> Scores:
        where = self.where
        met = matches(query.catalogue, candidates.rows, where.category_filter(), where.column_filters(), candidates.columns)
        return np.where(met, np.float32(self.factor), np.float32(1.0))
