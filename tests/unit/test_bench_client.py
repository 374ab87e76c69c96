"""The client of the load: connections are kept, and one that the server closed while it was idle is no failure."""

from __future__ import annotations

import asyncio

from inference_graph.bench.client import Client
from inference_graph.local.ports import HOST

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_connection_that_was_closed_while_it_was_idle_is_passed_over():
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while await reader.readline():
            writer.write(ANSWER)

    server = await asyncio.start_server(answer, HOST, 0)
    client = Client(server.sockets[0].getsockname()[1])
    try:
        for expected in (1, 1):
            assert (await client.ask(b"GET\n", 5)).status == 200
            assert len(writers) == expected
        writers[0].close()
        await writers[0].wait_closed()
        await asyncio.sleep(0.05)
        assert (await client.ask(b"GET\n", 5)).status == 200
        assert len(writers) == 2
    finally:
        client.close()
        server.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()
