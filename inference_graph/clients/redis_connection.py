"""One connection pool to Redis, bounded in size and time, and the mapping of its errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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


def open_redis(url: str, timeout: float = 0.5, connections: int = 64) -> redis.asyncio.Redis:
    """A client whose every socket operation takes at most `timeout` seconds; nothing is sent before the first call.

    One retry, on a broken connection only: it is what a restarted server leaves in the pool. A timeout is never retried.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)),
    )
    return redis.asyncio.Redis.from_pool(pool)


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
    except OSError as error:
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
