"""What happens to every request before a route sees it: its id, limits on its body, its count, and its last resort."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference_graph import metrics
from inference_graph.overload import Overload
from inference_graph.serving.arrivals import EventLoopLag, arrives
from inference_graph.serving.error_answers import RETRY, Fault, Refused, fault_of, log

JSON = b"application/json; charset=utf-8"
"""KServe hands a body of this type on as bytes, so that all JSON is read in one place and no CloudEvent is guessed."""

READERS = 4
"""Bodies that are being read at once, for each POST that may be at work: a client that sends slowly takes nobody's place."""

BUSY = "more requests than can be served now, try again"
_BEFORE_ID, _AFTER_ID = Fault(429, BUSY, None).body("@").split(b"@")
_REFUSAL_HEADERS = ((b"content-type", b"application/json"), *((name.lower().encode(), value.encode()) for name, value in RETRY.items()))

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may ask for before any work is done for it; `concurrency` bounds the POSTs at work at once."""

    body_bytes: int = 1_048_576
    body_seconds: float = 10.0
    concurrency: int = 64


class Front:
    """The outermost ASGI application. `surfaces` maps a path to the surface that it is counted for.

    Events meet the bound on all POSTs alone; what overload lets in less of are requests for answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        surfaces: Mapping[str, str],
        limits: Limits,
        draining: Callable[[], bool],
        overload: Overload | None = None,
        lag: EventLoopLag | None = None,
    ) -> None:
        self._app = app
        self._surfaces = surfaces
        self._limits = limits
        self._draining = draining
        self._overload = Overload(most=limits.concurrency) if overload is None else overload
        self._lag = EventLoopLag() if lag is None else lag
        self._at_work = 0
        self._reading = 0
        self._refused = {surface: metrics.REQUESTS.labels(surface, "429") for surface in surfaces.values()}
        for surface in self._refused:
            metrics.begin_requests_at_zero(surface)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # Nothing is served over a websocket: closing it before it is accepted answers 403.
            await send({"type": "websocket.close"})
            return
        surface = self._surfaces.get(scope["path"])
        if scope["method"] == "POST" and not (self._admits(surface) and self._reading < READERS * self._limits.concurrency):
            if surface is not None:
                self._refused[surface].inc()
            await refuse(send, _request_id(scope["headers"]), self._draining())
            return
        started = time.perf_counter() - self._lag.seconds
        reply = Reply(send, _request_id(scope["headers"]), self._draining())
        await self._serve(scope, dict(scope["headers"]), receive, reply)
        if surface is not None:
            metrics.REQUESTS.labels(surface, str(reply.status)).inc()
            metrics.REQUEST_SECONDS.labels(surface).observe(time.perf_counter() - started)

    def _admits(self, surface: str | None) -> bool:
        return self._at_work < self._limits.concurrency and (surface is None or self._overload.admits())

    async def _serve(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, reply: Reply) -> None:
        method, path = scope["method"], scope["path"]
        try:
            body = await self._body(method, headers, receive)
            with self._work(method, path):
                arrives(self._lag.seconds)
                await self._app({**scope, "headers": _inner_headers(path, headers, reply.request_id)}, _once(body, receive), reply)
        except Refused as refused:
            await reply.fault(refused.fault)
        except Exception as error:
            # What a route raised was answered by the app, which raises it again all the same.
            if not reply.started:
                fault = fault_of(error, method, path)
                log(fault, error, method, path, reply.request_id.decode())
                await reply.fault(fault)

    @contextmanager
    def _work(self, method: str, path: str) -> Iterator[None]:
        """Counts what is at work. A body that came slowly asks again whether there is room: while it came it took none."""
        surface = self._surfaces.get(path)
        posted, answers = method == "POST", method == "POST" and surface is not None
        if posted and not self._admits(surface):
            raise Refused(Fault(429, BUSY, None, RETRY))
        self._at_work += posted
        if answers:
            self._overload.begins()
        try:
            yield
        finally:
            self._at_work -= posted
            self._overload.at_work -= answers

    async def _body(self, method: str, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body. Raises Refused for one that is too large, too slow or no JSON by its type."""
        if method in ("GET", "HEAD", "DELETE", "OPTIONS"):
            return b""
        self._reading += 1
        try:
            return await self._posted(headers, receive)
        finally:
            self._reading -= 1

    async def _posted(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        declared = int(headers.get(b"content-length", b"0"))
        if declared > self._limits.body_bytes:
            raise Refused(self._too_large(f"{declared}"))
        _check_type(headers)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(receive)
        except TimeoutError:
            late = f"body: expected the whole body within {self._limits.body_seconds:.3g} seconds, got a part"
            raise Refused(Fault(408, late, "body", {"Connection": "close"})) from None

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(Fault(400, "body: expected the whole body, got a part and the end of the connection", "body"))
            part = message.get("body", b"")
            size += len(part)
            if size > self._limits.body_bytes:
                raise Refused(self._too_large("more"))
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self, got: str) -> Fault:
        return Fault(413, f"body: expected at most {self._limits.body_bytes} bytes, got {got}", "body")


async def refuse(send: Send, request_id: bytes, last: bool) -> None:
    """429, as cheap as it can be: the body of the request is not read, and that of the answer is known but for the request's id."""
    body = b"%b%b%b" % (_BEFORE_ID, request_id, _AFTER_ID)
    headers = [*_REFUSAL_HEADERS, (b"content-length", b"%d" % len(body)), (b"x-request-id", request_id)]
    if last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Reply:
    """Sends a response on, with our headers, and remembers how it went."""

    def __init__(self, send: Send, request_id: bytes, last: bool) -> None:
        self._send = send
        self._last = last
        self.request_id = request_id
        self.started = False
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = [(name, value) for name, value in message["headers"] if name != b"x-request-id"]
            headers.append((b"x-request-id", self.request_id))
            if self._last:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def fault(self, fault: Fault) -> None:
        body = fault.body(self.request_id.decode())
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in (fault.headers or {}).items()]
        await self({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The caller's, if it can be written into a log as it is; else a new one."""
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.encode()


def _inner_headers(path: str, headers: Mapping[bytes, bytes], request_id: bytes) -> list[tuple[bytes, bytes]]:
    """What the routes need and no more, because KServe's explain sends the request's headers back."""
    kept = [(b"content-type", JSON), (b"x-request-id", request_id)]
    return [*kept, (b"accept", headers.get(b"accept", b""))] if path == "/metrics" else kept


def _check_type(headers: Mapping[bytes, bytes]) -> None:
    for name, expected in ((b"content-type", b"application/json"), (b"content-encoding", b"identity")):
        given = headers.get(name, expected)
        if given.split(b";")[0].strip().lower() != expected:
            shown = given[:100].decode("latin-1")
            raise Refused(Fault(415, f"{name.decode()}: expected {expected.decode()}, got {shown!r}", name.decode()))


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then waits for what else the client does."""
    sent = False

    async def next_message() -> Any:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message
