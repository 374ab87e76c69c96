"""The transformer among clients that leave when they like, and what its own end costs those who stay."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import yaml
from transformer_process import EXPLAIN, NEVER_HURRIED, PREDICT, Transformer, wait_for

from inference_graph.graph import default_graph

USERS = 40
WORKERS = 20
SECONDS = 4.0
LONGEST_WAIT = 0.1
FAILED = 0


@dataclass
class SlowRedis:
    """Hands bytes on to a Redis; its replies wait a random time, often longer than the transformer waits for a user."""

    port: int
    mean_seconds: float = 0.0
    draw: random.Random = field(default_factory=lambda: random.Random(2))

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(self._pump(reader, forth, 0), self._pump(back, writer, 1))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, slow: int) -> None:
        try:
            while data := await source.read(65_536):
                if slow and self.mean_seconds:
                    await asyncio.sleep(self.draw.expovariate(1 / self.mean_seconds))
                target.write(data)
        except ConnectionError:
            pass
        finally:
            target.close()


async def ask(port: int, user: int, request_id: str, patience: float | None) -> dict[str, Any] | None:
    """The answer to user's request; None where the client left before it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = orjson.dumps({"instances": [{"user_id": f"u{user}", "limit": 3, "timestamp": 2000}]})
    headers = ("Host: x", "Content-Type: application/json", f"X-Request-Id: {request_id}", f"Content-Length: {len(body)}")
    writer.write("\r\n".join([f"POST {EXPLAIN} HTTP/1.1", *headers, "Connection: close", "", ""]).encode() + body)
    try:
        async with asyncio.timeout(patience):
            received = await reader.read()
    except TimeoutError:
        return None
    finally:
        writer.close()
    head, _, content = received.decode().partition("\r\n\r\n")
    assert f"x-request-id: {request_id}" in head
    return {"status": int(head.split()[1]), **orjson.loads(content)}


def is_users(reply: dict[str, Any], user: int, request_id: str) -> bool:
    """Whether a reply is this user's; True for one that knew the history, which is where another's would show."""
    if reply["status"] == 429:
        assert reply["request_id"] == request_id
        return False
    (answer,) = reply["predictions"]
    assert (reply["status"], answer["user_id"], answer["request_id"]) == (200, f"u{user}", request_id)
    if "history" in answer["degraded"]:
        assert answer["state"]["history"] == []
        return False
    assert [event["item_id"] for event in answer["state"]["history"]] == [f"i{user}"]
    assert not answer["seeds"] or answer["seeds"] == [f"i{user}"]
    return True


def give_the_usual_time(transformer: Transformer, **more: Any) -> None:
    graph = yaml.safe_load(default_graph("ratings", {"mode": "ever"}, "wall"))
    (transformer.folder / "graph.yaml").write_text(yaml.safe_dump({**graph, **more}))


async def test_clients_that_leave_in_mid_request_never_give_their_reply_to_another(transformer: Transformer) -> None:
    # Reads are to be given up by their own timeout, however busy this machine is.
    give_the_usual_time(transformer, overload=NEVER_HURRIED)
    slow, draw = SlowRedis(transformer.redis.port), random.Random(1)
    async with slow.listening() as port:
        transformer.publish(USERS)
        transformer.start(REDIS_URL=f"redis://127.0.0.1:{port}")
        await asyncio.to_thread(transformer.wait_ready)
        events = [{"user_id": f"u{n}", "item_id": f"i{n}", "type": "rating", "value": 5.0, "timestamp": 1000} for n in range(USERS)]
        assert (await asyncio.to_thread(transformer.post, "/v1/events", {"events": events})).status_code == 202
        slow.mean_seconds = 0.04
        loop = asyncio.get_running_loop()
        until, gone, known, nameless = loop.time() + SECONDS, 0, 0, 0

        async def client(worker: int) -> None:
            nonlocal gone, known, nameless
            number = 0
            while loop.time() < until:
                number += 1
                user, patience = draw.randrange(USERS), draw.choice([None, draw.uniform(0, LONGEST_WAIT)])
                reply = await ask(transformer.port, user, f"{worker}-{number}", patience)
                if reply is None:
                    gone += 1
                elif is_users(reply, user, f"{worker}-{number}"):
                    known += 1
                else:
                    nameless += 1

        await asyncio.gather(*(client(worker) for worker in range(WORKERS)))
        assert min(gone, known, nameless) > 20, (gone, known, nameless)
        slow.mean_seconds = 0.0
        for user in range(USERS):
            assert is_users(await ask(transformer.port, user, "after", None) or {}, user, "after")
        await asyncio.to_thread(transformer.stop)
    assert "Traceback" not in transformer.log()


async def test_work_for_clients_that_are_gone_ends_with_its_budget(transformer: Transformer) -> None:
    give_the_usual_time(transformer)
    slow = SlowRedis(transformer.redis.port)
    async with slow.listening() as port:
        transformer.publish(USERS)
        transformer.start(REDIS_URL=f"redis://127.0.0.1:{port}")
        await asyncio.to_thread(transformer.wait_ready)
        slow.mean_seconds = 60.0
        await asyncio.gather(*(ask(transformer.port, n % USERS, f"gone-{n}", 0.02) for n in range(200)))

        def is_answered() -> bool:
            return transformer.post(PREDICT, {"instances": [{}]}).status_code == 200

        await asyncio.to_thread(wait_for, is_answered, "a place for somebody who stays", 5.0)
        await asyncio.to_thread(transformer.stop)


def until_told_to_close(transformer: Transformer, statuses: list[int], started: Callable[[], None]) -> None:
    """One client that keeps its connection, asks without a pause, and leaves when an answer tells it to."""
    with httpx.Client(base_url=f"http://127.0.0.1:{transformer.port}", trust_env=False, timeout=20) as client:
        closing = False
        while not closing:
            try:
                reply = client.post(PREDICT, json={"instances": [{"user_id": "1"}]})
            except httpx.TransportError:
                statuses.append(FAILED)
                return
            statuses.append(reply.status_code)
            started()
            closing = reply.headers.get("connection") == "close"


def test_sigterm_under_more_load_than_it_bears_fails_no_request(running: Transformer) -> None:
    statuses: list[list[int]] = [[] for _ in range(30)]
    busy = threading.Barrier(len(statuses) + 1, timeout=30)
    crowd = [
        threading.Thread(target=until_told_to_close, args=(running, each, lambda each=each: busy.wait() if len(each) == 3 else None))
        for each in statuses
    ]
    for client in crowd:
        client.start()
    busy.wait()
    assert running.stop() == 0
    for client in crowd:
        client.join(20)
        assert not client.is_alive()
    assert {status for each in statuses for status in each} <= {200, 429}
    assert "Traceback" not in running.log()
