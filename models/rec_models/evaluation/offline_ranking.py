"""The ranking model as it was exported, asked in this process: what it is told of served candidates, and what it says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.catalogue import Catalogue
from inference_graph.features import DAY_SECONDS, HISTORY_LENGTH, RANKED_SOURCES
from rec_models.evaluation.ablation import Inputs
from rec_models.evaluation.requests import Requests


@dataclass(frozen=True, eq=False)
class Served:
    """What was ranked for one request: ids, ranks float32 [C, S], and the ranker's scores as served, [C]; user features [U]."""

    item_ids: list[str]
    ranks: NDArray[np.float32]
    scores: NDArray[np.float32]
    user_features: NDArray[np.float32]

    @classmethod
    def of(cls, explanation: Mapping[str, Any]) -> Served:
        ranked = [candidate for candidate in explanation["candidates"] if candidate["ranker_score"] is not None]
        ranks = [[candidate["sources"].get(name, np.nan) for name in RANKED_SOURCES] for candidate in ranked]
        return cls(
            [candidate["item_id"] for candidate in ranked],
            np.array(ranks, np.float32).reshape(len(ranked), len(RANKED_SOURCES)),
            np.array([candidate["ranker_score"] for candidate in ranked], np.float32),
            np.array(list(explanation["state"]["features"].values()), np.float32),
        )


class OfflineRanking:
    """Histories come from the data, not from what was served: what Redis and the transformer made of them is under test too."""

    def __init__(self, folder: Path, catalogue: Catalogue, requests: Requests, item_ids: NDArray[np.bytes_]) -> None:
        self._model = tf.saved_model.load(str(folder))
        self._catalogue, self._requests, self._item_ids = catalogue, requests, item_ids
        self.row_of = {item_id.decode(): row for row, item_id in enumerate(item_ids.tolist())}

    def scores(self, inputs: Inputs) -> NDArray[np.float32]:
        """[C]."""
        return self._asked("serving_default", "scores", inputs)

    def signals(self, inputs: Inputs) -> NDArray[np.float32]:
        """[C, G]; NaN where something is not known."""
        return self._asked("signals", "signals", inputs)

    def _asked(self, signature: str, output: str, inputs: Inputs) -> NDArray[np.float32]:
        given = {name: tf.constant(value) for name, value in inputs.items()}
        found: NDArray[np.float32] = self._model.signatures[signature](**given)[output].numpy()[0]
        return found

    def inputs(self, number: int, served: Served) -> Inputs:
        """The model's inputs for request `number`, a batch of one."""
        requests = self._requests
        sequences, time = requests.sequences, requests.times[number]
        newest = np.arange(requests.first[number], requests.cut[number])[::-1][:HISTORY_LENGTH]
        rows = self._catalogue.rows_of(served.item_ids)
        return {
            "history_ids": self._item_ids[sequences.items[newest]][None],
            "history_ages": ((time - sequences.times[newest]) / DAY_SECONDS).astype(np.float32)[None],
            "history_values": sequences.values[newest][None],
            "history_rated": sequences.rated[newest].astype(np.float32)[None],
            "candidate_ids": np.array([item_id.encode() for item_id in served.item_ids], np.bytes_)[None],
            "item_features": self._catalogue.arrays.features[rows][None],
            "ranks": served.ranks[None],
            "user_features": served.user_features[None],
            "day": np.array([time / DAY_SECONDS], np.float32),
        }
