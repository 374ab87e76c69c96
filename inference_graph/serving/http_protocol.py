"""HTTP before there is a request: bounds on its head in bytes and in time, and errors in the shape of all our errors."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from inference_graph.serving.error_answers import Fault

LINGER_SECONDS = 1.0
NO_HTTP = Fault(400, "request: expected HTTP/1.1, got what cannot be read as such", "request")


class TooLarge(Exception):
    """Raised in a callback of the parser, which ends the parsing."""


class OneWrite:
    """A transport that sends an answer's head together with its body: uvicorn writes them apart, and each write wakes the client.

    What is written waits for what is written after it, at most until the event loop's next turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._head = transport, loop, b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
            self._transport.write(data)
        else:
            self._head = data
            self._loop.call_soon(self._flush)

    def write_eof(self) -> None:
        self._flush()
        self._transport.write_eof()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data, self._head = self._head, b""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which by itself reads a head of any size for any time. The bounds are set on a subclass."""

    head_bytes = 32_768
    head_seconds = 10.0

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._heads, self._head, self._unfinished = 0, 0, 0
        self._in_head = False
        self._too_late: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))
        # As long as between two requests: whoever connects early may do so.
        self._too_late = self.loop.call_later(self.timeout_keep_alive, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        before = self._heads
        super().data_received(data)
        # A line without an end reaches no callback. What came before a later head in one piece is a body, and not counted.
        if self._in_head and before in (0, self._heads) and not self._ended:
            self._unfinished += len(data)
            if self._unfinished > self.head_bytes:
                self._end(self._too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._unfinished, self._in_head = 0, 0, True
        self._heads += 1
        self._on_time()
        self._too_late = self.loop.call_later(self.head_seconds, self._end_late)

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name, value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._on_time()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._end(self._too_large() if self._head > self.head_bytes else NO_HTTP)

    def _too_large(self) -> Fault:
        return Fault(431, f"headers: expected at most {self.head_bytes} bytes with the URL, got more", "headers")

    def _count(self, *parts: bytes) -> None:
        self._head += sum(map(len, parts))
        if self._head > self.head_bytes:
            raise TooLarge

    def _end_late(self) -> None:
        self._end(Fault(408, f"headers: expected all of them within {self.head_seconds:.3g} seconds, got a part", "headers"))

    def _end(self, fault: Fault) -> None:
        """Answers, then listens no more; closes a moment later, for a reset would overtake the answer."""
        self._ended = True
        self._on_time()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = fault.body(uuid.uuid4().hex)
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[fault.status] + head + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _on_time(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None


def bounded(head_bytes: int, head_seconds: float) -> type[BoundedHttp]:
    """The protocol with these bounds."""
    return type("Bounded", (BoundedHttp,), {"head_bytes": head_bytes, "head_seconds": head_seconds})
