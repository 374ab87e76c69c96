"""Faults of the services that a request asks: killed, stopped, absent at the start, slow, wrong, torn."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fault_matrix.bed import Bed, Transformer, until
from fault_matrix.proxy import Mode
from fault_matrix.scene import Scene
from fault_matrix.wrong_services import wrong_model, wrong_redis

SLOWER_SECONDS = 0.2

SceneOf = Callable[[Bed], AbstractAsyncContextManager[Scene]]


def killed(name: str) -> SceneOf:
    """`up` starts it again; it is back when it answers."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        pid = bed.pid(name)

        async def begin() -> None:
            os.kill(pid, signal.SIGKILL)

        async def end() -> None:
            await until(lambda: bed.pid(name) != pid and bed.answers(name), f"{name} runs again")

        yield Scene(bed.url, begin, end)

    return scene


def stopped(name: str) -> SceneOf:
    """Its connections stay open and nothing comes."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        pid = bed.pid(name)

        async def begin() -> None:
            os.kill(pid, signal.SIGSTOP)

        async def end() -> None:
            os.kill(pid, signal.SIGCONT)
            await until(lambda: bed.answers(name), f"{name} goes on")

        try:
            yield Scene(bed.url, begin, end)
        finally:
            os.kill(pid, signal.SIGCONT)

    return scene


def dead_at_the_start(name: str) -> SceneOf:
    """Nothing listens when the transformer starts; it becomes ready all the same, and finds the service when it comes."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        proxy = bed.proxies[name]
        await proxy.set(Mode.REFUSE)

        async def end() -> None:
            await proxy.set(Mode.PASS)

        async with bed.transformer() as transformer:
            await transformer.ready()
            yield Scene(transformer.url, end=end, faulty=True)

    return scene


def through_proxy(name: str, mode: Mode, delay: float = 0.0) -> SceneOf:
    """The proxy before the service changes its mode."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        proxy = bed.proxies[name]

        async def begin() -> None:
            await proxy.set(mode, delay)

        async def end() -> None:
            await proxy.set(Mode.PASS)

        yield Scene((await bed.behind_proxies()).url, begin, end)

    return scene


def wrong_shape(name: str) -> SceneOf:
    """Another service in its place, which speaks the protocol and answers values of other types and shapes."""

    @asynccontextmanager
    async def scene(bed: Bed) -> AsyncIterator[Scene]:
        proxy = bed.proxies[name]
        transformer = await bed.behind_proxies()
        before = _bugs(transformer)
        async with wrong_redis() if name == "redis" else wrong_model() as port:

            async def begin() -> None:
                proxy.lead_to(port)

            async def end() -> None:
                proxy.lead_to(bed.port(name))

            async def check(answers: object) -> list[str]:
                bugs = _bugs(transformer) - before
                return [f"{bugs} answers were met by code that did not expect them (a traceback each)"] if bugs else []

            yield Scene(transformer.url, begin, end, check)

    return scene


def _bugs(transformer: Transformer) -> int:
    """How often a step failed in its log by an exception that no client had mapped."""
    return transformer.log.read_text().count("that nobody foresaw")
