"""A TCP proxy between the transformer and one service that can be slow, silent, torn, absent or full of garbage."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from contextlib import suppress
from enum import Enum, auto

HOST = "127.0.0.1"
CHUNK = 65_536


class Mode(Enum):
    PASS = auto()
    DELAY = auto()
    GARBAGE = auto()
    BLACKHOLE = auto()
    RESET = auto()
    REFUSE = auto()


class Proxy:
    """Forwards to `upstream`, a port of this machine, as its mode says. A change of mode ends what an honest change would end."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._mode = Mode.PASS
        self._delay = 0.0
        self._server: asyncio.Server | None = None
        self._open: set[Writer] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._tear()

    async def set(self, mode: Mode, delay: float = 0.0) -> None:
        """PASS and DELAY (of every reply, in seconds) apply to open connections; any other mode, and coming back from one, tears them."""
        kept = (Mode.PASS, Mode.DELAY)
        before, self._mode, self._delay = self._mode, mode, delay
        if mode not in (*kept, Mode.GARBAGE, Mode.BLACKHOLE) or before not in kept:
            self._tear()
        if mode is Mode.REFUSE:
            await self.stop()
        elif self._server is None:
            await self.start()

    def lead_to(self, upstream: int) -> None:
        """Another service from now on, for open connections too."""
        self._upstream = upstream
        self._tear()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        self._open.add(writer)
        backend: Writer | None = None
        pumping: asyncio.Task[None] | None = None
        try:
            if self._mode in (Mode.PASS, Mode.DELAY):
                replies, backend = await asyncio.open_connection(HOST, self._upstream)
                self._open.add(backend)
                pumping = asyncio.create_task(self._pump_replies(replies, writer))
            await self._pump_requests(reader, writer, backend)
        except OSError:
            pass
        finally:
            if pumping is not None:
                pumping.cancel()
            for side in (writer, backend):
                if side is not None:
                    self._open.discard(side)
                    _reset(side)

    async def _pump_requests(self, reader: Reader, writer: Writer, backend: Writer | None) -> None:
        while self._mode is not Mode.RESET and (data := await reader.read(CHUNK)):
            if self._mode is Mode.GARBAGE:
                writer.write(os.urandom(256))
            elif backend is not None and self._mode in (Mode.PASS, Mode.DELAY):
                backend.write(data)

    async def _pump_replies(self, replies: Reader, writer: Writer) -> None:
        """Late replies stay in order; each is late by the delay at its arrival."""
        loop, last = asyncio.get_running_loop(), 0.0
        with suppress(OSError):
            while data := await replies.read(CHUNK):
                if self._mode in (Mode.GARBAGE, Mode.BLACKHOLE):
                    continue
                last = max(last, loop.time() + self._delay)
                if last <= loop.time():
                    writer.write(data)
                else:
                    loop.call_at(last, writer.write, data)
            # The service closed the connection: what is still under way is sent first.
            await asyncio.sleep(max(0.0, last - loop.time()))
        _reset(writer)

    def _tear(self) -> None:
        for writer in list(self._open):
            _reset(writer)


def _reset(writer: Writer) -> None:
    """Ends a connection so that the other side sees `connection reset`."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() != -1:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
