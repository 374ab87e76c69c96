"""The trainer's point-in-time features, from Feast's offline store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference_graph.workspace import Workspace
from rec_models.offline_store import point_in_time_features


@dataclass(frozen=True, eq=False)
class JoinedFeatures:
    """rec_models.examples.FeaturesAt over a workspace; ids by row of the catalogue and by user code."""

    workspace: Workspace
    item_ids: pl.Series
    user_ids: pl.Series

    def items(self, rows: NDArray[np.int32], times: NDArray[np.float64]) -> NDArray[np.float32]:
        return self._joined("item_id", self.item_ids, rows, times)

    def users(self, users: NDArray[np.int32], times: NDArray[np.float64]) -> NDArray[np.float32]:
        return self._joined("user_id", self.user_ids, users, times)

    def _joined(self, key: str, ids: pl.Series, numbers: NDArray[np.int32], times: NDArray[np.float64]) -> NDArray[np.float32]:
        entities = pl.DataFrame({key: ids.gather(numbers), "event_timestamp": times})
        return point_in_time_features(self.workspace, entities)
