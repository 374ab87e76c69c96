"""Serves the REST side over HTTP/1.1 from a thread of its own; uvicorn keeps connections alive and does not delay small packets."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import threading
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn

from model_server.flags import Flags
from model_server.rest import Reply, Rest

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def open_rest(rest: Rest, flags: Flags) -> uvicorn.Server:
    """A server that listens; raises OSError where the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((flags.host, flags.rest_api_port))
    except OSError as error:
        listener.close()
        port = flags.rest_api_port
        raise OSError(f"port {port} on {flags.host} cannot be listened on: {error.strerror}; choose another --rest_api_port") from error
    listener.listen(128)
    application = _Application(rest, ThreadPoolExecutor(flags.rest_threads, thread_name_prefix="rest"))
    config = uvicorn.Config(application, lifespan="off", access_log=False, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="rest", daemon=True).start()
    return server


class _Application:
    def __init__(self, rest: Rest, pool: ThreadPoolExecutor) -> None:
        self._rest = rest
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        if body is None:
            return
        reply = await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, scope, body)
        headers = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(reply.body)).encode())]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    def _answer(self, scope: Scope, body: bytes) -> Reply:
        if (b"content-encoding", b"gzip") in scope["headers"]:
            try:
                body = gzip.decompress(body)
            except (OSError, EOFError, zlib.error):
                return Reply(400, b'{"error": "the body says gzip and is not"}')
        try:
            return self._rest.answer(scope["method"], scope["raw_path"].decode("latin-1"), body)
        except Exception:
            logger.exception("failed to answer %s %s", scope["method"], scope["path"])
            return Reply(500, b'{"error": "the server failed to answer, its log says why"}')


async def _body(receive: Receive) -> bytes | None:
    """None where the client went away in mid-request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
