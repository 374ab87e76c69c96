"""Asks URL for predictions, RATE a second for SECONDS, for USERS users in turn, and writes what came of each second as one line of JSON.

python load.py URL RATE SECONDS USERS

Needs httpx and nothing of this project: it runs in a pod. Half of the requests go over connections that are kept, the other half open one
each. Requests are sent by the clock, however late answers are, and never twice. SIGTERM ends it after what is under way.
"""

from __future__ import annotations

import asyncio
import collections
import json
import signal
import sys
import time

import httpx

KEPT_CLIENTS = 4
PATIENCE_SECONDS = 10
COUNTED = ("failures", "degraded", "users", "retrieval", "ranking", "snapshot", "graph")

Due = tuple[float, httpx.AsyncClient, str, str]  # when, over which connections, where and for whom
Outcome = dict[str, list[str]]


async def main(url: str, rate: int, seconds: int, users: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    alone = httpx.Limits(max_keepalive_connections=0)
    fresh = httpx.AsyncClient(limits=alone, timeout=PATIENCE_SECONDS, trust_env=False)
    kept = [httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) for _ in range(KEPT_CLIENTS)]

    def client(number: int) -> httpx.AsyncClient:
        return fresh if number % 2 else kept[number // 2 % KEPT_CLIENTS]

    begin, tasks = time.monotonic(), []
    for second in range(seconds):
        numbers = range(second * rate, (second + 1) * rate)
        due = [(begin + number / rate, client(number), url, f"u{number % users:05d}") for number in numbers]
        tasks.append(asyncio.create_task(one_second(int(time.time()), due)))
        wait = begin + second + 1 - time.monotonic()
        try:
            await asyncio.wait_for(stop.wait(), max(0.0, wait))
            break
        except TimeoutError:
            continue
    await asyncio.gather(*tasks)
    for one in (fresh, *kept):
        await one.aclose()


async def one_second(at: int, due: list[Due]) -> None:
    outcomes = await asyncio.gather(*(ask(*one) for one in due))
    counts: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in COUNTED}
    for outcome, _ in outcomes:
        for name, values in outcome.items():
            counts[name].update(values)
    slowest = max((spent for _, spent in outcomes), default=0.0)
    print(json.dumps({"at": at, "sent": len(due), "slowest_ms": round(1000 * slowest), **counts}), flush=True)


async def ask(due: float, client: httpx.AsyncClient, url: str, user_id: str) -> tuple[Outcome, float]:
    """What there is to count of one answer, and the seconds that it took."""
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    began = time.monotonic()
    try:
        reply = await client.post(url, json={"instances": [{"user_id": user_id}]})
        spent = time.monotonic() - began
        if reply.status_code != 200:
            return {"failures": [f"{reply.status_code}: {reply.text[:200]}"]}, spent
        prediction = reply.json()["predictions"][0]
    except (httpx.HTTPError, ValueError, LookupError) as error:
        return {"failures": [f"{type(error).__name__}: {error}"]}, time.monotonic() - began
    outcome: Outcome = {name: [version or "none"] for name, version in prediction["versions"].items()}
    outcome |= {"degraded": prediction["degraded"], "users": [prediction["user"]]}
    if not prediction["items"]:
        outcome["failures"] = ["200 without items"]
    return outcome, spent


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
