"""Faults while events are written: no room for them, and the end of the process that writes them."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from uuid import uuid4

import redis

from fault_matrix.bed import Bed, until
from fault_matrix.events import Writer, faults_of
from fault_matrix.proxy import HOST
from fault_matrix.scene import Scene
from fault_matrix.traffic import Answer

WRITERS, EACH, PAUSE = 8, 20, 0.1
KILLS = 3


@asynccontextmanager
async def disk_full(bed: Bed) -> AsyncIterator[Scene]:
    """Redis cannot write its append-only file, and ends, because it answers nothing that is not on the disk; `up` starts it again.

    The file may not grow: RLIMIT_FSIZE of the running server is what a full disk is to it (EFBIG for ENOSPC), and needs no root.
    """
    pid = bed.pid("redis")
    async with _writing(bed, bed.url) as (writer, check):

        async def begin() -> None:
            await until(lambda: writer.acknowledged > 0, "the first event")
            _forbid_growth(pid)
            await until(lambda: not bed.answers("redis"), "Redis ends")

        async def end() -> None:
            await until(lambda: bed.pid("redis") != pid and bed.answers("redis"), "Redis runs again")

        yield Scene(bed.url, begin, end, check)


@asynccontextmanager
async def disk_full_lazily(bed: Bed) -> AsyncIterator[Scene]:
    """The same where the append-only file is written once a second: Redis lives, refuses writes and answers reads."""
    pid = bed.pid("redis")
    with _connected(bed) as client:
        client.config_set("appendfsync", "everysec")
        try:
            async with _writing(bed, bed.url) as (writer, check):

                async def begin() -> None:
                    await until(lambda: writer.acknowledged > 0, "the first event")
                    _forbid_growth(pid)

                async def end() -> None:
                    _allow_growth(pid)

                yield Scene(bed.url, begin, end, check)
        finally:
            _allow_growth(pid)
            client.config_set("appendfsync", "always")


@asynccontextmanager
async def memory_full(bed: Bed) -> AsyncIterator[Scene]:
    """`maxmemory` is reached and nothing may be evicted: writes are refused, reads go on."""
    with _connected(bed) as client:
        try:
            async with _writing(bed, bed.url) as (writer, check):

                async def begin() -> None:
                    await until(lambda: writer.acknowledged > 0, "the first event")
                    client.config_set("maxmemory", "1mb")

                async def end() -> None:
                    client.config_set("maxmemory", "0")

                yield Scene(bed.url, begin, end, check)
        finally:
            client.config_set("maxmemory", "0")


@asynccontextmanager
async def transformer_killed(bed: Bed) -> AsyncIterator[Scene]:
    """One of two transformers is killed again and again while it writes events; the other one answers."""
    async with bed.transformer(through_proxies=False) as transformer:
        await transformer.ready()
        async with _writing(bed, transformer.url) as (writer, check):

            async def begin() -> None:
                await until(lambda: writer.acknowledged > 0, "the first event")
                transformer.kill()

            async def end() -> None:
                for _ in range(KILLS - 1):
                    transformer.start()
                    acknowledged = writer.acknowledged
                    await until(lambda: writer.acknowledged > acknowledged + WRITERS, "events are written again")  # noqa: B023
                    transformer.kill()
                transformer.start()
                await transformer.ready()

            yield Scene(bed.url, begin, end, check)


@asynccontextmanager
async def _writing(bed: Bed, url: str) -> AsyncIterator[tuple[Writer, Callable[[Sequence[Answer]], Awaitable[list[str]]]]]:
    """Events all through the scene, by users of its own; the check waits for the last one and counts what is there."""
    run = uuid4().hex[:8]
    writer = Writer(url, [f"writer-{run}-{number}" for number in range(WRITERS)], EACH, PAUSE)
    task = asyncio.create_task(writer.run())

    async def check(answers: Sequence[Answer]) -> list[str]:
        writer.enough = True
        await asyncio.wait_for(task, 60)
        with _connected(bed) as client:
            return faults_of(writer, client, bed.workspace.redis_prefix)

    try:
        yield writer, check
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _connected(bed: Bed) -> Iterator[redis.Redis]:
    with redis.Redis(HOST, bed.port("redis"), socket_timeout=5) as client:
        yield client


def _forbid_growth(pid: int) -> None:
    """No byte more in any file that is longer than nothing."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))


def _allow_growth(pid: int) -> None:
    if os.path.exists(f"/proc/{pid}"):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
