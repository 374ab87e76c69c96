"""Drops what the user has already interacted with: ever, within a time, or not at all."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from inference_graph.grouping import among
from inference_graph.model_inputs import ages
from inference_graph.types import Candidates, Mask, Query


class Seen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["seen"]
    mode: Literal["ever", "within", "off"] = "ever"
    within_days: float | None = Field(None, gt=0, description="for mode `within`: how long an item stays away")

    @field_validator("mode", mode="before")
    @classmethod
    def _off_is_a_word(cls, given: object) -> object:
        # YAML 1.1 reads an unquoted `off` as false.
        return "off" if given is False else given

    @model_validator(mode="after")
    def _within_needs_days(self) -> Self:
        if (self.mode == "within") != (self.within_days is not None):
            raise ValueError("within_days is needed for mode `within`, and only for it")
        return self

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        if self.mode == "off":
            return np.ones(len(candidates), np.bool_)
        history = query.user.history.rows
        if self.within_days is not None:
            return ~among(candidates.rows, history[ages(query) <= self.within_days])
        return ~among(candidates.rows, np.concatenate([history, query.user.older]))
