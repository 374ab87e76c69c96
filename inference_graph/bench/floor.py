"""The floor: the recorded calls of a request once more, in the same order and side by side as they were, by a bare client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import cast
from urllib.parse import unquote, urlsplit

import grpc.aio
import hiredis

from inference_graph.bench.recorded_calls import Call
from inference_graph.bench.recording_grpc import SECONDS, UNBOUNDED
from inference_graph.errors import DependencyBadResponse, DependencyUnavailable
from inference_graph.local.ports import HOST


class RawRedis(asyncio.Protocol):
    """Bytes out, replies counted by hiredis; one burst at a time."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._awaited = 0
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only

    def ask(self, request: bytes, replies: int) -> asyncio.Future[None]:
        assert self._transport is not None
        self._awaited = replies
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._awaited -= 1
            if isinstance(reply, hiredis.ReplyError) and self._done is not None and not self._done.done():
                self._done.set_exception(DependencyBadResponse(f"Redis refused a recorded command: {reply}"))
        if self._awaited == 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(DependencyUnavailable(f"Redis closed the connection: {error}"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Floor:
    """Belongs to the event loop that it is opened in."""

    def __init__(self, redis_url: str, model_ports: dict[str, int]) -> None:
        self._redis_url = redis_url
        self._channels = {name: grpc.aio.insecure_channel(f"{HOST}:{port}", options=UNBOUNDED) for name, port in model_ports.items()}
        self._methods: dict[tuple[str, str], grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}
        self._connections: list[RawRedis] = []

    async def replay(self, waves: Sequence[Sequence[Call]]) -> None:
        for wave in waves:
            free = iter(self._connections)
            calls = [self._sent(call, free) for call in wave]
            if len(calls) == 1:
                await calls[0]
            else:
                await asyncio.gather(*calls)

    async def open(self, connections: int) -> None:
        """One connection for each burst that is under way at once."""
        for _ in range(connections):
            self._connections.append(await self._connect())

    async def close(self) -> None:
        for connection in self._connections:
            connection.close()
        for channel in self._channels.values():
            await channel.close(None)

    def _sent(self, call: Call, free: Iterator[RawRedis]) -> Awaitable[object]:
        if call.service == "redis":
            return next(free).ask(call.request, call.replies)
        place = (call.service, call.method)
        if place not in self._methods:
            self._methods[place] = self._channels[call.service].unary_unary(call.method, None, None)
        return self._methods[place](call.request, timeout=SECONDS)

    async def _connect(self) -> RawRedis:
        parts = urlsplit(self._redis_url)
        _, protocol = await asyncio.get_running_loop().create_connection(RawRedis, parts.hostname or HOST, parts.port or 6379)
        if parts.password:
            await protocol.ask(_packed("AUTH", *([unquote(parts.username)] if parts.username else []), unquote(parts.password)), 1)
        if parts.path.strip("/"):
            await protocol.ask(_packed("SELECT", parts.path.strip("/")), 1)
        return protocol


def _packed(*words: str) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
