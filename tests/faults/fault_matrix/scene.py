"""One fault, as something that can begin and end, and the way a cell is played: traffic before, during and after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

import psutil

from fault_matrix.bed import Bed
from fault_matrix.traffic import PREDICT, Answer, Traffic
from fault_matrix.verdict import RETURN_SECONDS, Bounds, Verdict, Window, judge

BEFORE_SECONDS = 1.5
DURING_SECONDS = 2.5
"""Shorter than `up` waits before it starts a dead child again."""
CLEAN_ANSWERS = 20


async def nothing() -> None:
    """For a fault that needs no beginning or no end of its own."""


async def no_problems(answers: Sequence[Answer]) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Scene:
    """`url` is asked throughout. `end` returns when the service answers again. `faulty`: the fault is there from the start."""

    url: str
    begin: Callable[[], Awaitable[None]] = nothing
    end: Callable[[], Awaitable[None]] = nothing
    check: Callable[[Sequence[Answer]], Awaitable[Sequence[str]]] = no_problems
    faulty: bool = False
    path: str = PREDICT
    seconds: float = DURING_SECONDS


@dataclass(frozen=True)
class Cell:
    """`degraded`: what the contract says that answers name during the fault, any part of it where not `exact`.

    `afterwards`: what they may name too while the service comes back, for no longer than everything else.
    """

    service: str
    fault: str
    degraded: tuple[str, ...]
    scene: Callable[[Bed], AbstractAsyncContextManager[Scene]]
    exact: bool = True
    afterwards: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.service}: {self.fault}"


async def play(cell: Cell, bed: Bed, bounds: Bounds) -> Verdict:
    """The cell from a clean start to the answers after the return; what it waited for in vain is its problem too."""
    stolen: list[float] = [0.0]
    watching = asyncio.create_task(_watch_machine(stolen))
    try:
        verdict = await _played(cell, bed, bounds)
    except (TimeoutError, OSError) as error:
        verdict = judge((cell.service, cell.fault), cell.degraded, (), Window(), bounds, [f"{type(error).__name__}: {error}"])
    finally:
        watching.cancel()
    return replace(verdict, stolen=max(stolen))


async def _watch_machine(stolen: list[float]) -> None:
    """Adds the share of each second that the host gave to others; for ever."""
    before = _machine_seconds()
    while True:
        await asyncio.sleep(1.0)
        now = _machine_seconds()
        stolen.append((now[0] - before[0]) / (now[1] - before[1]))
        before = now


def _machine_seconds() -> tuple[float, float]:
    """Of all cores together: what the host gave to others (Linux alone says so), and everything."""
    times = psutil.cpu_times()
    return getattr(times, "steal", 0.0), sum(times)


async def _played(cell: Cell, bed: Bed, bounds: Bounds) -> Verdict:
    loop = asyncio.get_running_loop()
    await bed.mend()
    async with cell.scene(bed) as scene:
        if not scene.faulty:
            await _clean(scene.url, bed)
        window = Window()
        traffic = Traffic(scene.url, bed.users(40), path=scene.path)
        async with traffic.flowing() as answers:
            if not scene.faulty:
                await asyncio.sleep(BEFORE_SECONDS)
                window.began = loop.time()
                await scene.begin()
                window.complete = loop.time()
            await asyncio.sleep(scene.seconds)
            window.ending = loop.time()
            await scene.end()
            window.returned = loop.time()
            await _until_clean(answers, window.returned)
        more = await scene.check(answers)
    return judge(
        (cell.service, cell.fault), cell.degraded, answers, window, replace(bounds, exact=cell.exact, afterwards=cell.afterwards), more
    )


async def _clean(url: str, bed: Bed) -> None:
    """Waits for an answer that names nothing, so that a cell does not pay for the one before it."""
    traffic = Traffic(url, bed.users(40))
    async with traffic.flowing() as answers:
        for _ in range(60 * CLEAN_ANSWERS):
            if len(answers) >= CLEAN_ANSWERS and not any(answer.degraded for answer in answers[-CLEAN_ANSWERS:]):
                return
            await asyncio.sleep(0.05)
    raise TimeoutError(f"{url} did not give clean answers within a minute; the last named {answers[-1].degraded}")


async def _until_clean(answers: Sequence[Answer], returned: float) -> None:
    """A second of clean answers, or two seconds more than they may take: the verdict says which."""
    loop = asyncio.get_running_loop()
    while loop.time() < returned + RETURN_SECONDS + 2:
        last = [answer for answer in answers[-CLEAN_ANSWERS:] if answer.due > returned]
        if len(last) == CLEAN_ANSWERS and not any(answer.degraded for answer in last):
            return
        await asyncio.sleep(0.05)
