"""Drops what the request itself asks to leave out: its filters, its `exclude`, and the item that the page is about."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from inference_graph.grouping import among
from inference_graph.matching import matches
from inference_graph.types import Candidates, Mask, Query


class Requested(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["requested"]

    def keep(self, query: Query, candidates: Candidates) -> Mask:
        kept = matches(query.catalogue, candidates.rows, query.categories, query.columns, candidates.columns)
        unwanted = [*query.exclude, query.item_id] if query.item_id is not None else query.exclude
        if unwanted:
            kept &= ~among(candidates.rows, query.catalogue.rows_of([i for i in unwanted if i is not None]))
        return kept
