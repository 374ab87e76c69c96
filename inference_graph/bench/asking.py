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
        self._socket = self._connected()

    def ask(self, request: bytes) -> Response:
        """Once more where the server had closed the connection while nothing was asked, as servers do after a while."""
        try:
            return self._ask(request)
        except ConnectionError:
            self._socket.close()
            self._socket = self._connected()
        try:
            return self._ask(request)
        except ConnectionError as error:
            raise DependencyUnavailable(f"{HOST}:{self._port} closed the connection instead of answering; see its log") from error

    def _ask(self, request: bytes) -> Response:
        received = bytearray()
        try:
            self._socket.sendall(request)
            while True:
                part = self._socket.recv(262_144)
                if not part:
                    raise ConnectionResetError("closed")
                received += part
                if (response := whole_response(received)) is not None:
                    return response
        except TimeoutError as error:
            raise DependencyTimeout(f"{HOST}:{self._port} did not answer within {SECONDS:.0f} s; see its log") from error

    def _connected(self) -> socket.socket:
        try:
            connection = socket.create_connection((HOST, self._port), SECONDS)
        except OSError as error:
            raise DependencyUnavailable(f"{HOST}:{self._port} takes no connection ({error}); see its log") from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
