"""A bare HTTP client over kept connections, so that what is measured is the server."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class BrokenAnswer(OSError):
    """The connection ended, or what came is no HTTP answer."""


class HttpClient:
    """Connections to one address, each with one request at a time; a new one is made where none is idle."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes, seconds: float = 10.0) -> tuple[int, bytes]:
        """Status and body. Raises OSError where the connection fails, TimeoutError after `seconds`."""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        async with asyncio.timeout(seconds):
            reader, writer = self._kept() or await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(head.encode() + body)
                status, answer, kept = await read_answer(reader)
            except BaseException:
                writer.transport.abort()
                raise
        if kept:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return status, answer

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """One that the server has not closed meanwhile, as it does with what nobody used for a minute."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    def close(self) -> None:
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays open. Raises BrokenAnswer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split(" ")[1]), body, headers.get("connection") != "close"
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
        raise BrokenAnswer(f"no whole HTTP answer: {error}") from error
