"""The comparison: ours, the floor below it, KServe doing nothing, and the naive way, asked in turn for the same users in one run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from inference_graph.bench.asking import Asking
from inference_graph.bench.comparison_figures import ComparisonFigures, Measured
from inference_graph.bench.contestants import empty, naive
from inference_graph.bench.floor import Floor
from inference_graph.bench.http_messages import Response, is_full
from inference_graph.bench.online_items import ensure_online
from inference_graph.bench.process_use import cpu_seconds
from inference_graph.bench.recorded_calls import Call
from inference_graph.bench.same_answers import DifferentAnswers, same_items
from inference_graph.bench.session import Session, ask_until_full

SETTLE_SECONDS = 0.0005  # what a process still does once its answer is out belongs to that answer
CHECKED_BEFORE = 100
FLOOR_SECONDS = 30.0


async def compare(session: Session, port: int, pid: int, recorded: Sequence[Sequence[Sequence[Call]]]) -> ComparisonFigures:
    """Raises DifferentAnswers where the naive way does not give our answers."""
    ensure_online(session.running, session.say)
    answer = session.folder / "answer.json"
    with ExitStack() as stack:
        ask_ours = stack.enter_context(Asking(port)).ask
        answer.write_bytes(ask_ours(session.request("recommender", session.users[0])).body)
        programs = empty(session.running, answer), naive(session.running, session.graph)
        session.say("starting the naive way and a KServe model that does nothing")
        pids = stack.enter_context(session.started(*programs))
        ask_empty, ask_naive = (stack.enter_context(Asking(program.port)).ask for program in programs)
        _require_same(session, ask_ours, ask_naive)
        floor = Floor(session.running.redis_url, {name: ports[0] for name, ports in session.running.ports.models.items()})
        await floor.open(max(sum(call.service == "redis" for call in wave) for calls in recorded for wave in calls))
        try:
            rounds = _Rounds(session, {"ours": ask_ours, "empty": ask_empty, "naive": ask_naive}, {"ours": pid, **pids}, floor)
            return ComparisonFigures.of(await rounds.run(recorded), rounds.not_full)
        finally:
            await floor.close()


Ask = Callable[[bytes], Response]


class _Rounds:
    """`not_full`: rounds in which ours was an error or degraded; they are not timed."""

    def __init__(self, session: Session, asks: Mapping[str, Ask], pids: Mapping[str, int], floor: Floor) -> None:
        self._session, self._asks, self._pids, self._floor = session, asks, pids, floor
        self.not_full = 0

    async def run(self, recorded: Sequence[Sequence[Sequence[Call]]]) -> dict[str, Measured]:
        """One round a user; whoever begins moves on by one, so that nobody always finds what another has warmed."""
        measured = {name: Measured() for name in ("ours", "floor", "empty", "naive")}
        names = list(measured)
        for turn, (user_id, calls) in enumerate(zip(self._session.users, recorded, strict=True)):
            self._session.stopping.check()
            answers, taken = {}, {}
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                if name == "floor":
                    taken[name] = await self._replay(calls)
                else:
                    answers[name], taken[name] = self._ask(name, user_id)
            if is_full(answers["ours"]):
                same_items(user_id, answers["ours"], answers["naive"])
                for name, figures in taken.items():
                    measured[name].add(figures)
            else:
                self.not_full += 1
        return measured

    async def _replay(self, calls: Sequence[Sequence[Call]]) -> tuple[float, float]:
        async with asyncio.timeout(FLOOR_SECONDS):
            used, began = time.process_time(), time.perf_counter()
            await self._floor.replay(calls)
            wall = time.perf_counter() - began
            await asyncio.sleep(SETTLE_SECONDS)
            return 1000 * wall, 1000 * (time.process_time() - used)

    def _ask(self, name: str, user_id: str) -> tuple[Response, tuple[float, float]]:
        request = self._session.request("recommender" if name == "ours" else name, user_id)
        used = cpu_seconds(self._pids[name])
        began = time.perf_counter()
        response = self._asks[name](request)
        wall = time.perf_counter() - began
        time.sleep(SETTLE_SECONDS)
        return response, (1000 * wall, 1000 * (cpu_seconds(self._pids[name]) - used))


def _require_same(session: Session, ours: Ask, theirs: Ask) -> None:
    """Before anything is timed. Features that have gone stale online are written anew, once."""
    try:
        _same_for_all(session, ours, theirs)
    except DifferentAnswers as difference:
        session.say(f"{difference}; writing features and snapshot anew")
        ensure_online(session.running, session.say, again=True)
        session.stopping.pause(2.0)
        _same_for_all(session, ours, theirs)


def _same_for_all(session: Session, ours: Ask, theirs: Ask) -> None:
    for user_id in session.users[:CHECKED_BEFORE]:
        session.stopping.check()
        answer = ask_until_full(ours, session.request("recommender", user_id), user_id)
        same_items(user_id, answer, ask_until_full(theirs, session.request("naive", user_id), user_id))
