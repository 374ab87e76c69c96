"""One connection pool to Redis, bounded in size and time, and the mapping of its errors to ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, cast

import hiredis
import redis.asyncio
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from inference_graph.errors import (
    DependencyBadResponse,
    DependencyError,
    DependencyOverloaded,
    DependencyTimeout,
    DependencyUnavailable,
)

CLOSED_MEANWHILE = RuntimeError
"""What uvloop raises for a write to a connection that closed after it was taken from the pool; redis-py lets it through."""

Command = tuple[str | bytes | int | float, ...]


class _Pool(redis.asyncio.BlockingConnectionPool):
    """redis-py looks whether an idle connection is still open by a read that it cancels: at four times the price of a GET."""

    async def get_connection(self, *given: Any, **more: Any) -> Any:
        pool, idle = cast(Any, super()), cast(list[Any], self._available_connections)
        # A connection whose end was not seen yet is what the retry is for.
        if idle and idle[-1].is_connected and not idle[-1]._reader.at_eof():
            return pool.get_available_connection()
        return await pool.get_connection(*given, **more)


def open_redis(url: str, timeout: float = 0.5, connections: int = 64) -> redis.asyncio.Redis:
    """A client for `redis_call`, which bounds each call by `timeout` seconds; nothing is sent before the first one.

    One retry, on a broken connection only: it is what a restarted server leaves in the pool. A timeout is never retried.
    """
    pool = _Pool.from_url(
        url,
        max_connections=connections,
        timeout=timeout,
        # A bound on the call is one timer; on every read and write it would be a task and a timer each.
        socket_timeout=None,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=cast(Any, (exceptions.ConnectionError, CLOSED_MEANWHILE))),
    )
    return redis.asyncio.Redis.from_pool(pool)


@asynccontextmanager
async def redis_call(client: redis.asyncio.Redis, doing: str) -> AsyncIterator[None]:
    """Everything within takes at most the client's timeout together, and raises errors of ours."""
    pool = cast(redis.asyncio.BlockingConnectionPool, client.connection_pool)
    with redis_errors(doing):
        async with asyncio.timeout(pool.timeout):
            yield


async def ask(client: redis.asyncio.Redis, commands: Sequence[Command]) -> list[Any]:
    """The replies to several commands, sent together; the error of a command is its reply.

    What a pipeline of redis-py does, in a third of its time: hiredis packs the commands, and nothing is kept of each.
    """
    packed = b"".join(hiredis.pack_command(command) for command in commands)  # type: ignore[arg-type]  # its stub knows tuples of one only
    attempt = partial(_sent, cast(Any, client.connection_pool), packed, len(commands))
    return await cast(Retry, client.get_retry()).call_with_retry(attempt, _nothing)


async def _sent(pool: Any, packed: bytes, count: int) -> list[Any]:
    connection = await pool.get_connection()
    try:
        await connection.send_packed_command(packed, check_health=False)
        return [await _reply(connection) for _ in range(count)]
    except BaseException:
        # Cancelled or broken in between: the rest of the replies must not be read as those to another request.
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)


async def _reply(connection: redis.asyncio.Connection) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error


async def _nothing(_: Exception) -> None:
    """Before a retry: the connection that broke is closed already."""


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """Raises what Redis raised as one of ours; `doing` says what was attempted.

    Wrap nothing but calls and the reading of their replies: a reply of another type than the command's meets redis-py's
    readers and ours as any of the errors named last.
    """
    try:
        yield
    except exceptions.RedisError as error:
        raise _kind(error)(f"Redis, {doing}: {error}") from error
    except TimeoutError as error:
        raise DependencyTimeout(f"Redis, {doing}: no answer in time") from error
    except (OSError, CLOSED_MEANWHILE) as error:
        raise DependencyUnavailable(f"Redis, {doing}: {error}") from error
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise DependencyBadResponse(f"Redis, {doing}: {error!r}") from error


def _kind(error: exceptions.RedisError) -> type[DependencyError]:
    if isinstance(error, exceptions.TimeoutError):
        return DependencyTimeout
    if isinstance(error, exceptions.OutOfMemoryError):
        return DependencyOverloaded
    if isinstance(error, exceptions.ConnectionError | exceptions.ReadOnlyError):
        return DependencyUnavailable
    return DependencyBadResponse
