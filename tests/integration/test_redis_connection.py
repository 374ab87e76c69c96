"""Connections that were closed: while they were idle, or found to be so when they are written to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from inference_graph.clients.redis_connection import ask, open_redis, redis_call
from inference_graph.errors import DependencyUnavailable


class ClosesMeanwhile:
    """The writer of a connection that is closed: uvloop says so by an error that redis-py does not know."""

    def writelines(self, data: object) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        pass


async def test_those_that_the_server_closed_while_they_were_idle_are_not_used(redis_server: Any) -> None:
    client, other = open_redis(redis_server.url, timeout=10.0), redis.asyncio.Redis.from_url(redis_server.url)
    client.set_retry(Retry(NoBackoff(), 0))
    together = [ask(client, [("PING",)]) for _ in range(10)]
    assert await asyncio.gather(*together) == 10 * [[b"PONG"]]
    assert await other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 10
    await asyncio.sleep(0.1)
    together = [ask(client, [("PING",)]) for _ in range(10)]
    assert await asyncio.gather(*together) == 10 * [[b"PONG"]]
    await client.aclose()
    await other.aclose()


async def test_one_that_is_found_closed_is_tried_once_more_on_a_new_one(redis_server: Any) -> None:
    client = open_redis(redis_server.url, timeout=10.0)
    assert await ask(client, [("PING",)]) == [b"PONG"]
    (connection,) = client.connection_pool._available_connections
    connection._writer.transport.abort()
    connection._writer = ClosesMeanwhile()
    assert await ask(client, [("PING",), ("ECHO", "a")]) == [b"PONG", b"a"]
    await client.aclose()


async def test_when_that_fails_too_it_is_one_of_our_errors(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = open_redis(redis_server.url, timeout=10.0)

    async def closed(*_: object, **__: object) -> None:
        ClosesMeanwhile().writelines(())

    monkeypatch.setattr(redis.asyncio.Connection, "send_packed_command", closed)
    with pytest.raises(DependencyUnavailable, match="handler is closed"):
        async with redis_call(client, "asking"):
            await ask(client, [("PING",)])
    await client.aclose()
