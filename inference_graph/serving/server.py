"""The HTTP server: it drains before it stops, so that whoever still sends requests to it gets answers."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from inference_graph.errors import InvalidConfiguration

STOP_SECONDS = 30
KEEP_ALIVE_SECONDS = 65
"""Longer than the idle time of the proxies in front, which else meet a connection that is just being closed."""


class DrainingServer(uvicorn.Server):
    """On SIGTERM it goes on serving for `drain_seconds`, with `Connection: close`; then, or on SIGINT, it stops."""

    def __init__(self, drain_seconds: float) -> None:
        self.draining = False
        self._drain_seconds = drain_seconds

    def serves(self, app: ASGIApp, http: type[asyncio.Protocol]) -> DrainingServer:
        # Of a caller's mistake no line is written: whoever sends them by the million would fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        config = uvicorn.Config(
            app,
            http=http,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        super().__init__(config)
        return self

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self.draining:
            super().handle_exit(sig, frame)
            return
        self.draining = True
        loop = asyncio.get_running_loop()
        stop = super().handle_exit
        loop.call_soon_threadsafe(lambda: loop.call_later(self._drain_seconds, stop, sig, None))


def listen(host: str, port: int) -> socket.socket:
    """Raises InvalidConfiguration where the address cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        advice = "stop what listens there, or set PORT (and HOST) to another"
        raise InvalidConfiguration(f"PORT: {host}:{port} cannot be listened on ({error.strerror}): {advice}") from error
    return listener
