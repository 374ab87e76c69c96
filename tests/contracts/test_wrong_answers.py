"""Services that speak their protocol and answer the wrong thing: a DependencyError, never a bug of ours or an answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest

from fault_matrix import wrong_services
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.user_events import UserEvents
from inference_graph.clients.vector_index import VectorIndex
from inference_graph.errors import DependencyError
from inference_graph.ranking.served_ranker import ServedRanker
from inference_graph.sources.two_tower import TwoTower
from inference_graph.testing import HISTORY_INPUTS, RANKING_INPUTS, FakeSignature, make_candidates, make_catalogue, make_query
from inference_graph.types import Event

QUERY = make_query(make_catalogue([f"i{n}" for n in range(5)]))
POOL = make_candidates([0, 1, 2, 4])
KINDS = len(wrong_services.wrong_answers())


@pytest.mark.parametrize("reply", wrong_services.REDIS_REPLIES)
async def test_a_redis_that_replies_another_type_is_a_bad_dependency(reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_services, "REDIS_REPLIES", (reply,))
    async with wrong_services.wrong_redis() as port:
        redis = open_redis(f"redis://127.0.0.1:{port}")
        users, vectors = UserEvents(redis, "shop"), VectorIndex(redis, "shop")
        for call in (users.read("1"), users.read(None), users.events("1"), vectors.search(np.ones((2, 4), np.float32), 3)):
            with pytest.raises(DependencyError):
                await call
        if reply != b":1\r\n":  # which is the right answer to one stored event
            with pytest.raises(DependencyError):
                await users.write([Event("1", "2", "view", 1.0)])
        await redis.aclose()


class SignedBefore:
    """A served model whose signature was asked for while its answers were still right."""

    def __init__(self, model: ServedModel, inputs: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
        self._signature = FakeSignature(inputs)
        self.predict = model.predict

    async def signature(self) -> FakeSignature:
        return self._signature


async def test_a_model_whose_answer_has_another_shape_or_type_is_a_bad_dependency() -> None:
    async with wrong_services.wrong_model() as port:
        model = ServedModel(f"127.0.0.1:{port}", "wrong")
        source = TwoTower(SignedBefore(model, HISTORY_INPUTS), 10, 1.0)
        ranker = ServedRanker(SignedBefore(model, RANKING_INPUTS), ("two_tower",), 1.0)
        for call in (model.signature, *[partial(source.fetch, QUERY)] * KINDS, *[partial(ranker.score, QUERY, POOL)] * KINDS):
            with pytest.raises(DependencyError):
                await call()
        await model.close()
