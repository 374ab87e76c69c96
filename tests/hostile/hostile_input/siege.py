"""A transformer under hostile input with a good client beside it, and what came of both."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import redis

from fault_matrix.bed import Bed, Transformer
from fault_matrix.proxy import HOST
from fault_matrix.traffic import Answer, Traffic
from fault_matrix.verdict import percentile
from hostile_input.attacks import known_attacks
from hostile_input.raw_attacks import raw_attacks
from hostile_input.sending import Sender, faults_of
from inference_graph.clients.vector_format import pointer_key

PATIENCE = {"BODY_SECONDS": "2", "HEAD_SECONDS": "2"}
"""A fifth of the defaults, so that slow attacks take no longer than they must."""


@dataclass
class Outcome:
    """Times in milliseconds of the good client: beside a fuzzer that sends nothing, and beside one that sends."""

    attacks: int = 0
    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    p50_before_ms: float = 0.0
    p50_with_ms: float = 0.0
    p99_before_ms: float = 0.0
    p99_with_ms: float = 0.0
    good_answers: int = 0
    good_refused: int = 0
    log_lines: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def p99_ratio(self) -> float:
        return self.p99_with_ms / self.p99_before_ms


async def besiege(bed: Bed, requests: int, pairs: int, calm_seconds: float) -> Outcome:
    """Every known attack, then `requests` made-up ones in `pairs` parts, each after `calm_seconds` without any."""
    outcome = Outcome()
    async with _target(bed) as transformer:
        await transformer.ready()
        await asyncio.to_thread(_attack, transformer.port, outcome)
        calm, hot = Traffic(transformer.url, bed.users(40)), Traffic(transformer.url, bed.users(40))
        for part in range(pairs):
            async with calm.flowing():
                await _calm(transformer.url, part, calm_seconds)
            async with hot.flowing():
                await _fuzz(transformer.url, part, requests // pairs, outcome)
        _compare(calm.answers, hot.answers, outcome)
        _read_log(transformer.log, outcome)
    return outcome


@asynccontextmanager
async def _target(bed: Bed) -> AsyncIterator[Transformer]:
    """A transformer whose events and users go under a prefix of their own, which is emptied in the end."""
    prefix = f"hostile-{uuid4().hex[:8]}"
    with redis.Redis(HOST, bed.port("redis"), socket_timeout=10) as client:
        client.set(pointer_key(prefix), client.get(pointer_key(bed.workspace.redis_prefix)) or b"")
        try:
            async with bed.transformer(through_proxies=False, environment={"REDIS_PREFIX": prefix, **PATIENCE}) as transformer:
                yield transformer
        finally:
            for key in client.scan_iter(f"{{{prefix}}}:*", count=1000):
                client.unlink(key)


def _attack(port: int, outcome: Outcome) -> None:
    sender = Sender(HOST, port)
    for attack in known_attacks():
        reply = sender.request(attack.method, attack.path, attack.headers, attack.body)
        problems = faults_of(reply, attack.named)
        if reply.status not in (attack.status, 0):
            problems.append(f"status {reply.status}, expected {attack.status}: {reply.body[:200].decode(errors='replace')}")
        outcome.problems += [f"{attack.name}: {problem}" for problem in problems]
        outcome.attacks += 1
    sender.close()
    for name, attempt in raw_attacks(HOST, port).items():
        outcome.problems += [f"{name}: {problem}" for problem in attempt()]
        outcome.attacks += 1


async def _calm(url: str, part: int, seconds: float) -> None:
    """The fuzzer makes up requests and sends none, for so long."""
    process = await _fuzzer(url, 10**9, part, "--dry")
    try:
        await asyncio.sleep(seconds)
    finally:
        process.kill()
        await process.communicate()


async def _fuzz(url: str, part: int, count: int, outcome: Outcome) -> None:
    process = await _fuzzer(url, count, part)
    try:
        printed, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        outcome.problems.append(f"the fuzzer ended with {process.returncode}: {said.decode()[-1500:]}")
        return
    met = json.loads(printed.splitlines()[-1])
    outcome.statuses.update(met["statuses"])
    outcome.requests += sum(met["statuses"].values())
    outcome.problems += [f"{times} x {problem}" for problem, times in met["problems"]]


async def _fuzzer(url: str, count: int, part: int, *more: str) -> asyncio.subprocess.Process:
    paths = os.pathsep.join(path for path in sys.path if path)
    command = (sys.executable, "-m", "hostile_input.fuzz", url, str(count), str(1000 * part), *more)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env={**os.environ, "PYTHONPATH": paths})


def _compare(calm: Sequence[Answer], hot: Sequence[Answer], outcome: Outcome) -> None:
    outcome.good_answers = len(calm) + len(hot)
    bad = [answer for answer in (*calm, *hot) if not answer.is_full and answer.status != 429]
    outcome.good_refused = sum(answer.status == 429 for answer in (*calm, *hot))
    outcome.problems += [f"{len(bad)} answers of the good client were not full, such as {bad[0].status} {bad[0].text}"] if bad else []
    before, beside = ([answer.milliseconds for answer in answers] for answers in (calm, hot))
    outcome.p50_before_ms, outcome.p50_with_ms = percentile(before, 0.5), percentile(beside, 0.5)
    outcome.p99_before_ms, outcome.p99_with_ms = percentile(before, 0.99), percentile(beside, 0.99)


def _read_log(log: Path, outcome: Outcome) -> None:
    lines = log.read_text(errors="replace").splitlines()
    outcome.log_lines = len(lines)
    wrong = [line for line in lines if "Traceback" in line or " ERROR " in line or "failed" in line]
    outcome.problems += [f"{len(wrong)} lines of failure in the log, such as {wrong[0][:300]}"] if wrong else []
