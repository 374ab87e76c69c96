"""The proxy that faults are made with: each mode does what its name says to real connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fault_matrix.proxy import Mode, Proxy


@asynccontextmanager
async def shouting() -> AsyncIterator[Proxy]:
    """A proxy before a server that answers every line in capitals."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: Proxy) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def ask(self, line: bytes = b"hello\n") -> bytes:
        self.writer.write(line)
        return await asyncio.wait_for(self.reader.read(1000), 5)


async def test_it_passes_on_and_makes_replies_late_on_open_connections() -> None:
    async with shouting() as proxy:
        caller = await Caller.of(proxy)
        assert await caller.ask() == b"HELLO\n"
        await proxy.set(Mode.DELAY, 0.2)
        started = time.monotonic()
        assert await caller.ask() == b"HELLO\n"
        assert time.monotonic() - started >= 0.2
        await proxy.set(Mode.PASS)
        assert await caller.ask() == b"HELLO\n"
        caller.writer.close()


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.REFUSE])
async def test_it_tears_open_connections(mode: Mode) -> None:
    async with shouting() as proxy:
        caller = await Caller.of(proxy)
        assert await caller.ask() == b"HELLO\n"
        await proxy.set(mode)
        with pytest.raises(ConnectionError):
            await caller.ask()
        caller.writer.close()


async def test_it_refuses_new_connections_and_takes_the_same_port_again() -> None:
    async with shouting() as proxy:
        port = proxy.port
        await proxy.set(Mode.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            await Caller.of(proxy)
        await proxy.set(Mode.PASS)
        assert proxy.port == port
        caller = await Caller.of(proxy)
        assert await caller.ask() == b"HELLO\n"
        caller.writer.close()


async def test_it_answers_garbage_and_tears_what_was_spoilt() -> None:
    async with shouting() as proxy:
        caller = await Caller.of(proxy)
        assert await caller.ask() == b"HELLO\n"
        await proxy.set(Mode.GARBAGE)
        assert len(await caller.ask()) == 256
        await proxy.set(Mode.PASS)
        with pytest.raises(ConnectionError):
            await caller.ask()


async def test_it_swallows_everything() -> None:
    async with shouting() as proxy:
        await proxy.set(Mode.BLACKHOLE)
        caller = await Caller.of(proxy)
        caller.writer.write(b"hello\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.reader.read(10), 0.2)
        caller.writer.close()
