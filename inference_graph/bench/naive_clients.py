"""How most teams ask: redis-py's search() for one item after another, rows of JSON to the models, Feast for every candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import redis
from feast import FeatureStore
from numpy.typing import NDArray
from redis.commands.search.query import Query as Search

from inference_graph.bench.asking import Asking
from inference_graph.bench.http_messages import get, post
from inference_graph.clients import Array
from inference_graph.clients.event_format import Keys, read_history
from inference_graph.clients.vector_format import item_key_prefix, pointer_key
from inference_graph.errors import DependencyBadResponse
from inference_graph.features import ITEM_FEATURES, USER_FEATURES, Feature
from inference_graph.types import Events

HISTORY = 500
VIEWS = {"item_statistics": ITEM_FEATURES, "user_statistics": USER_FEATURES}
FEATURES = [f"{view}:{feature.name}" for view, features in VIEWS.items() for feature in features]


@dataclass(frozen=True)
class Stored:
    events: Events
    older: set[bytes]
    blocked: frozenset[str]
    newest: float | None = None


def read_user(client: redis.Redis, keys: Keys, user_id: str) -> Stored:
    pipeline: Any = client.pipeline(transaction=False)
    pipeline.zrevrange(keys.history(user_id), 0, HISTORY - 1)
    pipeline.smembers(keys.older(user_id))
    pipeline.smembers(keys.blocked)
    members, older, blocked = pipeline.execute()
    return Stored(read_history(members), older, frozenset(item_id.decode() for item_id in blocked))


@dataclass(frozen=True)
class SearchOneByOne:
    """The vector search of the graph's `similar_to_liked`, with one round trip and one list of documents per liked item."""

    client: redis.Redis
    prefix: str

    async def search(self, vectors: NDArray[np.float32], k: int) -> Sequence[Sequence[bytes]]:
        client: Any = self.client
        index = client.get(pointer_key(self.prefix)).decode()
        start = len(item_key_prefix(index))
        query = Search(f"*=>[KNN {k} @vector $vector AS distance]").return_field("distance").paging(0, k).dialect(2)
        found = []
        for vector in vectors:
            documents = client.ft(index).search(query, {"vector": vector.tobytes()}).docs
            found.append([document.id.encode()[start:] for document in documents])
        return found


@dataclass(frozen=True)
class Predicted:
    outputs: Mapping[str, Array]
    version: str = ""


@dataclass(frozen=True)
class Described:
    inputs: Mapping[str, tuple[str, tuple[int, ...]]]


class RestModel:
    """A model behind REST: a request is one row of JSON on a kept-alive connection."""

    def __init__(self, port: int, name: str) -> None:
        self._asking, self._name = Asking(port), name
        metadata = orjson.loads(self._asking.ask(get(f"/v1/models/{name}/metadata")).body)
        inputs = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]
        shapes = {key: [int(dim["size"]) for dim in info["tensor_shape"]["dim"]] for key, info in inputs.items()}
        self._signature = Described({key: (inputs[key]["dtype"], tuple(shape)) for key, shape in shapes.items()})

    async def signature(self) -> Described:
        return self._signature

    async def predict(self, inputs: Mapping[str, Array], timeout: float) -> Predicted:
        row = {name: _as_json(array[0]) for name, array in inputs.items()}
        response = self._asking.ask(post(f"/v1/models/{self._name}:predict", {"instances": [row]}))
        if response.status != 200:
            raise DependencyBadResponse(f"model {self._name} answered {response.status}: {response.body[:300]!r}")
        answer = orjson.loads(response.body)["predictions"][0]
        outputs = answer if isinstance(answer, dict) else {"scores": answer}
        return Predicted({name: _as_array(values)[None] for name, values in outputs.items()})


def _as_array(values: Sequence[Any]) -> Array:
    """Text as bytes, as models answer it."""
    if values and isinstance(values[0], str):
        return np.array([text.encode() for text in values], object)
    return np.array(values, np.float32)


def _as_json(value: Array) -> object:
    if value.dtype.kind == "S":
        return [text.decode() for text in value.tolist()]
    if value.dtype.kind == "f" and np.isnan(value).any():
        return orjson.Fragment(orjson.dumps(value.tolist()).replace(b"null", b"NaN"))
    return value.tolist()


def read_features(store: FeatureStore, user_id: str, item_ids: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The user's features [U] and the candidates' [n, F], in one call for all of them."""
    rows = [{"user_id": user_id, "item_id": item_id} for item_id in item_ids]
    values = store.get_online_features(FEATURES, rows, full_feature_names=True).to_dict()
    items = np.array([_column(values, "item_statistics", feature) for feature in ITEM_FEATURES], np.float32).T
    user = np.array([_column(values, "user_statistics", feature)[0] for feature in USER_FEATURES], np.float32)
    return user, items


def _column(values: Mapping[str, Sequence[Any]], view: str, feature: Feature) -> list[float]:
    return [feature.default if value is None else value for value in values[f"{view}__{feature.name}"]]
