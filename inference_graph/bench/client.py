"""An HTTP client on raw asyncio protocols: a tenth of the CPU of a comfortable one, which would be missing where it measures."""

from __future__ import annotations

import asyncio
from typing import cast

from inference_graph.bench.http_messages import Response, whole_response
from inference_graph.errors import DependencyBadResponse, DependencyUnavailable
from inference_graph.local.ports import HOST


class Client:
    """As many kept-alive connections as there are requests under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    async def ask(self, request: bytes, seconds: float) -> Response:
        """Raises TimeoutError, another OSError or a DependencyError where no answer came."""
        async with asyncio.timeout(seconds):
            return await self._ask(request)

    async def _ask(self, request: bytes) -> Response:
        connection = self._kept() or await self._open()
        try:
            response = await connection.ask(request)
        except BaseException:
            self._drop(connection)
            raise
        if response.last or connection.closed:
            self._drop(connection)
        else:
            self._idle.append(connection)
        return response

    def close(self) -> None:
        for connection in list(self._all):
            self._drop(connection)

    def _kept(self) -> Connection | None:
        """The one used last, of those that the server has not closed in the meantime."""
        while self._idle:
            if not (connection := self._idle.pop()).closed:
                return connection
            self._drop(connection)
        return None

    async def _open(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, self._port)
        self._all.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        self._all.discard(connection)
        connection.close()


class Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only

    def ask(self, request: bytes) -> asyncio.Future[Response]:
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport is None or self.closed:
            self._answer.set_exception(DependencyUnavailable("the connection is closed"))
        else:
            self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            response = whole_response(self._received)
        except (DependencyBadResponse, ValueError) as error:
            self._fail(error)
            return
        if response is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(response)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._fail(DependencyUnavailable("the server closed the connection instead of answering"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
