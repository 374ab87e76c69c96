"""The client where connections break, servers fail or are gone: what is retried, how often, and how a name is found again."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import grpc
import grpc.aio
import numpy as np
import pytest
from fake_model_server import INPUTS, FakeServer, answers, fails, response

from inference_graph.clients import tf_serving
from inference_graph.clients.tf_serving import ServedModel
from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.errors import DependencyError, DependencyOverloaded, DependencyUnavailable


class Names(asyncio.DatagramProtocol):
    """A DNS server (RFC 1035) for which every name is this machine, or none there is."""

    asked = 0
    known = False

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = data[12 : data.index(b"\0", 12) + 5]
        is_ipv4 = question[-4:-2] == b"\0\1"
        self.asked += is_ipv4
        answers = [b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + bytes([127, 0, 0, 1])] if self.known and is_ipv4 else []
        header = data[:2] + (b"\x84\x00" if self.known else b"\x84\x03") + struct.pack(">HHHH", 1, len(answers), 0, 0)
        self._transport.sendto(header + question + b"".join(answers), address)


async def test_pods_that_are_back_are_found_soon_however_long_they_were_gone(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviours[methods.PREDICT] = answers(response(version=7))
    monkeypatch.setattr(tf_serving, "SILENT_SECONDS", 0.2)
    listening, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    model = ServedModel(f"dns://127.0.0.1:{listening.get_extra_info('sockname')[1]}/ranking.test:{server.port}", "ranking")
    for _ in range(60):
        with pytest.raises(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
        await asyncio.sleep(0.05)
    # In three seconds gRPC by itself looks three times, and then every five, eight, twelve seconds.
    assert names.asked >= 6
    names.known = True
    await asyncio.sleep(0.3)
    with contextlib.suppress(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    assert (await model.predict(INPUTS, 1.0)).version == "7"
    await model.close()
    listening.close()


async def test_a_channel_that_is_replaced_lets_calls_under_way_end(
    server: FakeServer, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf_serving, "SILENT_SECONDS", 0.05)
    may_end = asyncio.Event()

    async def behave(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        if len(server.asked) == 1:
            await may_end.wait()
            return response(version=7)
        return await fails(grpc.StatusCode.UNAVAILABLE)(request, context)

    server.behaviours[methods.PREDICT] = behave
    under_way = asyncio.create_task(model.predict(INPUTS, 5.0))
    await server.called.wait()
    await asyncio.sleep(0.1)
    with pytest.raises(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    may_end.set()
    assert (await under_way).version == "7"


async def test_a_listener_that_speaks_no_grpc_is_a_dependency_error() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 no\r\n\r\n" * 10)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(speak, "127.0.0.1", 0)
    model = ServedModel(f"127.0.0.1:{listener.sockets[0].getsockname()[1]}", "ranking")
    with pytest.raises(DependencyError):
        await model.predict(INPUTS, 1.0)
    await model.close()
    listener.close()


async def test_a_connection_that_broke_is_tried_once_more_and_not_more_often(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.UNAVAILABLE)
    with pytest.raises(DependencyUnavailable):
        await model.predict(INPUTS, 1.0)
    assert len(server.asked) == 2


async def test_retries_stop_while_the_server_fails_every_call(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.UNAVAILABLE)
    for _ in range(30):
        with pytest.raises(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
    assert len(server.asked) <= 36


async def test_a_server_that_is_overloaded_is_not_asked_again(server: FakeServer, model: ServedModel) -> None:
    server.behaviours[methods.PREDICT] = fails(grpc.StatusCode.RESOURCE_EXHAUSTED)
    for _ in range(5):
        with pytest.raises(DependencyOverloaded):
            await model.predict(INPUTS, 1.0)
    assert len(server.asked) == 5


@pytest.mark.parametrize("every", [2, 5, 20])
async def test_a_server_that_fails_some_calls_is_asked_little_more_than_once(server: FakeServer, model: ServedModel, every: int) -> None:
    good, bad, calls = answers(response(y=encode(np.zeros(1, np.float32)))), fails(grpc.StatusCode.UNAVAILABLE), 200

    async def now_and_then(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return await (bad if len(server.asked) % every == 0 else good)(request, context)

    server.behaviours[methods.PREDICT] = now_and_then
    answered = 0
    for _ in range(calls):
        with contextlib.suppress(DependencyUnavailable):
            await model.predict(INPUTS, 1.0)
            answered += 1
    assert calls < len(server.asked) <= 1.1 * calls + 5
    assert answered >= calls * (1 - 1 / every) - 1
