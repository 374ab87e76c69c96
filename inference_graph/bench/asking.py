"""A blocking client of one kept-alive connection: what it costs is the same for everybody who is compared."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from inference_graph.bench.http_messages import Response, whole_response
from inference_graph.errors import DependencyTimeout, DependencyUnavailable
from inference_graph.local.ports import HOST

SECONDS = 30.0


class Asking:
    """Sends bytes, waits for the answer; no Nagle, no headers beyond what HTTP needs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection((HOST, port), SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> Response:
        received = bytearray()
        try:
            self._socket.sendall(request)
            while True:
                part = self._socket.recv(262_144)
                if not part:
                    raise DependencyUnavailable(f"{HOST}:{self._port} closed the connection instead of answering; see its log")
                received += part
                if (response := whole_response(received)) is not None:
                    return response
        except TimeoutError as error:
            raise DependencyTimeout(f"{HOST}:{self._port} did not answer within {SECONDS:.0f} s; see its log") from error
        except OSError as error:
            raise DependencyUnavailable(f"{HOST}:{self._port}: {error}; see its log") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
