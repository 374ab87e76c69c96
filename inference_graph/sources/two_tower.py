"""Candidates from the two-tower retrieval model: the nearest items to the user's vector, found inside the SavedModel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients, ModelServer
from inference_graph.errors import DependencyBadResponse
from inference_graph.fusion import WEIGHTS
from inference_graph.model_inputs import user_inputs
from inference_graph.types import Proposal, Query


class TwoTowerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["two_tower"]
    limit: int = Field(300, ge=1, le=5000, description="items proposed at most")
    weight: float = Field(WEIGHTS["two_tower"], gt=0, le=1000, description="of its ranks where those of all sources are fused")
    timeout_seconds: float = Field(0.1, gt=0, le=10, description="time for the model's answer")

    def build(self, clients: Clients) -> TwoTower:
        return TwoTower(clients.retrieval, self.limit, self.timeout_seconds)


@dataclass(frozen=True)
class TwoTower:
    model: ModelServer
    limit: int
    timeout: float

    async def fetch(self, query: Query) -> Proposal:
        inputs = user_inputs(await self.model.signature(), query)
        prediction = await self.model.predict(inputs, self.timeout)
        item_ids = prediction.outputs.get("item_ids")
        if item_ids is None or item_ids.ndim != 2 or len(item_ids) != 1 or item_ids.dtype.kind not in "OS":
            came = "none" if item_ids is None else f"{item_ids.dtype} of shape {item_ids.shape}"
            raise DependencyBadResponse(f"the retrieval model answered item_ids: {came}, expected strings of shape (1, k)")
        rows = query.catalogue.rows_of(item_ids[0, : self.limit])
        return Proposal(rows[rows >= 0], prediction.version)
