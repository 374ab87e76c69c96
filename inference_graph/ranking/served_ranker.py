"""The ranking model in TF Serving: all candidates of a request in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from inference_graph.clients import Clients, ModelServer
from inference_graph.errors import DependencyBadResponse
from inference_graph.model_inputs import ranking_inputs
from inference_graph.types import Candidates, Query, Scored


class ServedRankerSettings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["served_ranker"]
    timeout_seconds: float = Field(0.2, gt=0, le=10, description="time for the model's answer")

    def build(self, clients: Clients, sources: tuple[str, ...]) -> ServedRanker:
        return ServedRanker(clients.ranking, sources, self.timeout_seconds)


@dataclass(frozen=True)
class ServedRanker:
    model: ModelServer
    sources: tuple[str, ...]
    timeout: float

    async def score(self, query: Query, candidates: Candidates) -> Scored:
        inputs = ranking_inputs(await self.model.signature(), query, candidates, self.sources)
        prediction = await self.model.predict(inputs, self.timeout)
        scores = prediction.outputs.get("scores")
        if scores is None or scores.shape != (1, len(candidates)) or scores.dtype.kind != "f":
            came = "no scores" if scores is None else f"scores {scores.dtype} of shape {scores.shape}"
            raise DependencyBadResponse(f"the ranking model answered {came}, expected floats of shape (1, {len(candidates)})")
        if not np.isfinite(scores).any():
            raise DependencyBadResponse("the ranking model answered no finite score")
        return Scored(scores[0].astype(np.float32, copy=False), prediction.version)
