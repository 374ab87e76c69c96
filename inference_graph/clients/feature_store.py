"""Feast: one FeatureStore a process, opened once; a user's features, and fresh columns of the candidates."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import redis.asyncio
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from inference_graph.clients.feast_address import feast_connection_string
from inference_graph.clients.feast_import import import_of_feast
from inference_graph.clients.redis_connection import Command, ask, open_redis, redis_call, redis_errors
from inference_graph.errors import DependencyBadResponse, InvalidConfiguration
from inference_graph.features import USER_FEATURES
from inference_graph.storage import read_file

with import_of_feast():
    from feast import FeatureStore, RepoConfig
    from feast.errors import FeastError
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.infra.online_stores.redis import RedisOnlineStore, _versioned_fv_name
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

USER_SERVICE = "user_features_v1"


def open_feature_store(registry: str, project: str, redis_url: str, timeout: float = 0.5) -> FeatureStore:
    """Reads the registry once and for good; nothing is sent to Redis before the first read. `timeout` in seconds.

    Raises InvalidConfiguration where the registry is not there or does not know the project.
    """
    try:
        path = _near(registry)
    except OSError as error:
        message = f"FEATURE_REGISTRY: {registry} is not there or cannot be read ({error}): run `inference-graph materialize` first"
        raise InvalidConfiguration(message) from error
    config = RepoConfig(
        project=project,
        provider="local",
        registry={"registry_type": "file", "path": str(path), "cache_ttl_seconds": 0},
        online_store={"type": "redis", "connection_string": feast_connection_string(redis_url, timeout)},
        # Never asked: the default's module imports dask, for a second.
        offline_store={"type": "remote", "host": "never-asked"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    try:
        store.get_feature_service(USER_SERVICE)
    except FeastError as error:
        message = f"FEATURE_REGISTRY: {registry} holds no {USER_SERVICE} of project {project!r}: run `inference-graph materialize`"
        raise InvalidConfiguration(message) from error
    _use_bounded_client(store, redis_url, timeout)
    return store


def _near(registry: str) -> Path:
    """The registry as a file here: Feast itself would need another library for each kind of storage. Raises OSError."""
    if "://" not in registry:
        return Path(registry).resolve(strict=True)
    copy = Path(_copies().name) / f"{hashlib.sha256(registry.encode()).hexdigest()[:16]}.db"
    copy.write_bytes(read_file(registry))
    return copy


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    """One folder a process, gone with it: a store that cannot be opened yet is tried again and again."""
    return tempfile.TemporaryDirectory(prefix="feature-registry-")


def _use_bounded_client(store: FeatureStore, redis_url: str, timeout: float) -> None:
    online = _online_store(store)
    # Feast's own client waits seconds between retries and has no bound on connections.
    online._client_async = open_redis(redis_url, timeout)
    # Else the first read imports six other online stores, DynamoDB's among them, to see whether this one is one of them.
    online._versioned_read_supported = True


def _online_store(store: FeatureStore) -> RedisOnlineStore:
    online = cast(Any, store._get_provider()).online_store
    assert isinstance(online, RedisOnlineStore)
    return online


class UserFeatures:
    """Slow features of users, and columns of items that change between snapshots; shared by all requests."""

    def __init__(self, store: FeatureStore) -> None:
        self._store = store
        # What get_online_features looks up for every call, and builds an answer of many rows from, is the same for each user.
        projections = store.get_feature_service(USER_SERVICE).feature_view_projections
        self._asked = [self._asked_of(projection.name, [field.name for field in projection.features]) for projection in projections]

    def _asked_of(self, view_name: str, features: list[str]) -> tuple[list[str], list[str | bytes]]:
        """The features of a view, and the fields that hold them in Redis."""
        view = self._store.get_feature_view(view_name)
        name = _versioned_fv_name(view, self._store.config)
        # Feast adds the time that a row was written; nobody asks for it here.
        _, fields = _online_store(self._store)._generate_hset_keys_for_features(view, list(features), fv_name_override=name)
        return features, fields[: len(features)]

    def commands(self, user_id: str) -> list[Command]:
        """What Feast's online store would send for one user; `row` reads the replies."""
        key = self._key(user_id)
        return [("HMGET", key, *fields) for _, fields in self._asked]

    def _key(self, user_id: str) -> bytes:
        entity = EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=user_id)])
        return bytes(serialize_entity_key(entity, self._store.config.entity_key_serialization_version)) + self._store.project.encode()

    def row(self, replies: Sequence[Any]) -> NDArray[np.float32] | None:
        """float32 [U] in the order of features.USER_FEATURES; None for a user whom the online store does not know.

        Raises DependencyError for a reply that is an error, or nothing that Feast has written.
        """
        row = dict[str, object]()
        with redis_errors("reading a user's features"):
            for (features, _), reply in zip(self._asked, replies, strict=True):
                if isinstance(reply, Exception):
                    raise reply
                try:
                    row |= {name: _number(Value.FromString(found or b"")) for name, found in zip(features, reply, strict=True)}
                except DecodeError as error:
                    raise DependencyBadResponse(f"Feast, reading a user's features: {error!r}") from error
            values = [row.get(feature.name) for feature in USER_FEATURES]
            if all(value is None for value in values):
                return None
            filled = [feature.default if value is None else value for feature, value in zip(USER_FEATURES, values, strict=True)]
            return np.array(filled, np.float32)

    async def read(self, user_id: str) -> NDArray[np.float32] | None:
        """The row of one user, in a trip of its own."""
        async with self._call("reading a user's features") as client:
            return self.row(await ask(client, self.commands(user_id)))

    async def read_items(self, item_ids: Sequence[str], columns: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """Columns given as view:feature, by feature name, [len(item_ids)]: numbers float64 (NaN = not known), text ("")."""
        if not item_ids:
            return {column.split(":", 1)[1]: np.empty(0, np.float64) for column in columns}
        async with self._call("reading columns of items"):
            reply = await self._store.get_online_features_async(list(columns), {"item_id": list(item_ids)})
            values = reply.to_dict()
            return {name: _column(values[name]) for name in (column.split(":", 1)[1] for column in columns)}

    async def erase(self, user_id: str) -> None:
        """Forgets a user's row; materializing brings it back only from events that are there then."""
        async with self._call("erasing a user's features") as client:
            await client.unlink(self._key(user_id))

    @asynccontextmanager
    async def _call(self, doing: str) -> AsyncIterator[redis.asyncio.Redis]:
        client = cast(redis.asyncio.Redis, _online_store(self._store)._client_async)
        async with redis_call(client, doing):
            try:
                yield client
            except (FeastError, KeyError, TypeError) as error:
                raise DependencyBadResponse(f"Feast, {doing}: {error!r}") from error

    async def close(self) -> None:
        client = _online_store(self._store)._client_async
        if client is not None:
            await client.aclose()


def _number(value: Value) -> object:
    """None for what is not known, NaN among it."""
    kind = value.WhichOneof("val")
    number = None if kind is None else getattr(value, kind)
    return None if number != number else number


def _column(values: Sequence[object]) -> NDArray[Any]:
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else value for value in values], np.str_)
    return np.array([np.nan if value is None else value for value in values], np.float64)
