"""The HTTP server against what is no request: it answers in our shape, within its bounds, and goes on."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from inference_graph.serving.http_protocol import bounded
from inference_graph.serving.server import DrainingServer, listen

GOOD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, then says that it did."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"read"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = listen("127.0.0.1", 0)
    server = DrainingServer(0.0).serves(application, bounded(2048, 0.3))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    for _ in range(500):
        if server.started:
            break
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving


async def exchange(port: int, *parts: bytes, end: bool = False) -> tuple[int, Any]:
    """Status and body of the one answer to these bytes; the connection is read to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
        if end:
            writer.write_eof()
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    return int(head.split(b" ")[1]), json.loads(body)


async def is_serving(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GOOD)
    answer = await asyncio.wait_for(reader.readuntil(b"read"), 5)
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    ],
)
async def test_what_is_no_http_is_answered_400_and_not_logged(port: int, request_bytes: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        status, body = await exchange(port, request_bytes)
    assert (status, body["field"]) == (400, "request")
    assert "expected HTTP/1.1" in body["error"]
    assert body["request_id"]
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert await is_serving(port)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: yes\r\n" % number for number in range(1000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000,
        b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 3_000_000,
    ],
    ids=["many headers", "one long one", "a long path", "one longer than a reading"],
)
async def test_a_head_that_is_too_large_is_answered_431(port: int, request_bytes: bytes) -> None:
    status, body = await exchange(port, request_bytes)
    assert (status, body["field"]) == (431, "headers")
    assert "expected at most 2048 bytes" in body["error"]
    assert await is_serving(port)


async def test_a_head_that_comes_too_slowly_is_answered_408_and_a_second_one_on_the_connection_too(port: int) -> None:
    status, body = await exchange(port, b"GET / HTTP/1.1\r\nX:")
    assert (status, body["field"]) == (408, "headers")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GOOD)
    await reader.readuntil(b"read")
    writer.write(b"GET / HT")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_slow_but_timely_head_and_pipelined_requests_are_served(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in (GOOD[:10], GOOD[10:20], GOOD[20:]):
        writer.write(part)
        await asyncio.sleep(0.05)
    assert (await reader.readuntil(b"read")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(0.5)  # longer than a head may take: between requests there is none
    body = b"a" * 100_000
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    writer.write(post + GOOD + post)
    for _ in range(3):
        assert (await asyncio.wait_for(reader.readuntil(b"read"), 5)).startswith(b"HTTP/1.1 200")
    writer.close()
