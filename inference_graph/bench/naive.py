"""What most teams write for the same answers: one KServe model, one call after another, in the formats that come first to hand.

It has the same models, catalogue, rules and arithmetic as the graph, and is as good as it can be otherwise: hiredis, kept-alive
connections without Nagle's delay, one pipeline for the user, orjson. A process of its own: `python -m inference_graph.bench.naive
--http_port=8091`, with the transformer's environment and RETRIEVAL_REST and RANKING_REST, the ports of the models' REST APIs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import prometheus_client  # noqa: F401  # before Feast, whose import would switch it to files that several processes share
import redis
from feast import FeatureStore

from inference_graph.bench.naive_clients import RestModel, SearchOneByOne, read_features, read_user
from inference_graph.catalogue import Catalogue
from inference_graph.clients import Clients
from inference_graph.clients.event_format import Keys
from inference_graph.clients.feature_store import open_feature_store
from inference_graph.fusion import fuse
from inference_graph.graph import GraphConfig, load_graph, source_weights
from inference_graph.hydrators.user_state import user_state
from inference_graph.model_inputs import ranking_inputs
from inference_graph.serving.answers import proposed_by
from inference_graph.settings import Settings
from inference_graph.snapshots import SnapshotStore
from inference_graph.types import Candidates, Query, Selection


@dataclass(frozen=True)
class Naive:
    graph: GraphConfig
    catalogue: Catalogue
    client: redis.Redis
    keys: Keys
    features: FeatureStore
    clients: Clients

    @classmethod
    def of(cls, settings: Settings, retrieval_port: int, ranking_port: int) -> Naive:
        store = SnapshotStore(settings.snapshot_store, settings.snapshot_cache)
        client = redis.Redis.from_url(settings.redis_url, socket_timeout=10, socket_connect_timeout=10)
        search = SearchOneByOne(client, settings.redis_prefix)
        models = RestModel(retrieval_port, settings.retrieval_model), RestModel(ranking_port, settings.ranking_model)
        unused: Any = None  # users and items are read here, not by a component
        return cls(
            graph=load_graph(settings.graph),
            catalogue=store.open(store.current()),
            client=client,
            keys=Keys(settings.redis_prefix),
            features=open_feature_store(settings.feature_registry, settings.feature_project, settings.redis_url, timeout=10.0),
            clients=Clients(unused, unused, search, *models),
        )

    async def recommend(self, user_id: str, limit: int, now: float) -> dict[str, Any]:
        surface = self.graph.surfaces["home"]
        stored = read_user(self.client, self.keys, user_id)
        query = Query(self.catalogue, now, "", user_id=user_id, limit=limit)
        query = query.with_user(user_state(query, stored, None, stored.blocked, self.graph.type_values))
        proposals = [await source.build(self.clients).fetch(query) for source in surface.sources]
        candidates = Candidates.merge([proposal.rows for proposal in proposals])
        for component in surface.filters:
            candidates = candidates.take(component.keep(query, candidates))
        best = np.argsort(-fuse(candidates.ranks, source_weights(surface.sources)), kind="stable")[: surface.candidates]
        candidates = candidates.take(np.sort(best))
        candidates = candidates.with_scores(await self._scores(query, candidates, [source.kind for source in surface.sources]))
        factors = [booster.factors(query, candidates) for booster in surface.boosts]
        candidates = candidates.with_scores(np.multiply.reduce([candidates.scores, *factors]))
        return self._answer(query, candidates, surface.selector.select(query, candidates), [source.kind for source in surface.sources])

    async def _scores(self, query: Query, candidates: Candidates, sources: Sequence[str]) -> Any:
        item_ids = [query.catalogue.item_id(row) for row in candidates.rows]
        user, items = read_features(self.features, query.user_id or "", item_ids)
        query = query.with_user(replace(query.user, features=user))
        inputs = ranking_inputs(await self.clients.ranking.signature(), query, candidates, tuple(sources))
        if "item_features" in inputs:
            inputs["item_features"] = items[None, :, : inputs["item_features"].shape[-1]]
        prediction = await self.clients.ranking.predict(inputs, 10.0)
        return prediction.outputs["scores"][0].astype(np.float32)

    def _answer(self, query: Query, candidates: Candidates, selection: Selection, sources: Sequence[str]) -> dict[str, Any]:
        shown = candidates.take(selection.chosen)
        items = [
            {"item_id": self.catalogue.item_id(row), "title": title, "score": float(score), "sources": by}
            for row, title, score, by in zip(
                shown.rows, self.catalogue.titles(shown.rows), shown.scores, proposed_by(shown.ranks, sources), strict=True
            )
        ]
        user = "known" if query.user.known else "unknown"
        return {"user_id": query.user_id, "user": user, "items": items, "degraded": [], "rules_relaxed": list(selection.relaxed)}


def main() -> None:
    naive = Naive.of(Settings.from_environment(), int(os.environ["RETRIEVAL_REST"]), int(os.environ["RANKING_REST"]))
    from kserve import Model, ModelServer

    class NaiveModel(Model):  # type: ignore[misc]  # KServe ships no types
        async def predict(self, payload: Mapping[str, Any], headers: Any = None, response_headers: Any = None) -> Any:
            asked = payload["instances"]
            return {"predictions": [await naive.recommend(one["user_id"], one["limit"], one["timestamp"]) for one in asked]}

    model = NaiveModel("naive")
    model.ready = True
    asyncio.set_event_loop(asyncio.new_event_loop())
    ModelServer(enable_grpc=False, enable_latency_logging=False).start([model])


if __name__ == "__main__":
    main()
