"""Stands between a transformer and Redis, passes bytes on, and notes each burst of commands with its number of replies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import hiredis

from inference_graph.bench.recorded_calls import HOLD_SECONDS, Call
from inference_graph.errors import InvalidConfiguration
from inference_graph.local.ports import HOST


def through(url: str, port: int) -> str:
    """The same address with the proxy's place in it; user, password and database pass through."""
    parts = urlsplit(url)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return urlunsplit(parts._replace(netloc=f"{user}{HOST}:{port}"))


class RecordingRedis:
    """`noted` gets every burst: what was sent until all of it was answered."""

    def __init__(self, url: str, noted: Callable[[Call], None]) -> None:
        parts = urlsplit(url)
        if parts.scheme != "redis" or parts.hostname is None:
            raise InvalidConfiguration(f"REDIS_URL: the floor speaks plain redis://host:port only, got {parts.scheme}://")
        self._host, self._port, self._noted = parts.hostname, parts.port or 6379, noted
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """The port that it listens on."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        server, ask = await asyncio.open_connection(self._host, self._port)
        burst = _Burst(self._noted)
        try:
            await asyncio.gather(_pump(client, ask, burst.sent, HOLD_SECONDS), _pump(server, answer, burst.received, 0.0))
        finally:
            answer.close()
            ask.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: Callable[[bytes], None], hold: float) -> None:
    with suppress(ConnectionError):
        while data := await source.read(262_144):
            seen(data)
            await asyncio.sleep(hold)
            sink.write(data)
            await sink.drain()
    sink.close()


@dataclass
class _Burst:
    noted: Callable[[Call], None]
    request: bytearray = field(default_factory=bytearray)
    commands: int = 0
    replies: int = 0
    began: float = 0.0
    asked: hiredis.Reader = field(default_factory=hiredis.Reader)
    answered: hiredis.Reader = field(default_factory=hiredis.Reader)

    def sent(self, data: bytes) -> None:
        if not self.request:
            self.began = time.perf_counter()
        self.request += data
        self.commands += _values(self.asked, data)

    def received(self, data: bytes) -> None:
        self.replies += _values(self.answered, data)
        if self.replies == self.commands:
            self.noted(Call("redis", "", bytes(self.request), self.replies, self.began, time.perf_counter()))
            self.request, self.commands, self.replies = bytearray(), 0, 0


def _values(reader: hiredis.Reader, data: bytes) -> int:
    """How many whole values the data completes."""
    reader.feed(data)
    count = 0
    while reader.gets() is not False:
        count += 1
    return count
