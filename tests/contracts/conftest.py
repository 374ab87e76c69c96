"""A model server that answers as told, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio
import pytest
from fake_model_server import FakeServer

from inference_graph.clients.tf_serving import ServedModel


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    listening = grpc.aio.server(options=[("grpc.max_send_message_length", -1)])
    listening.add_generic_rpc_handlers((fake,))
    fake.port = listening.add_insecure_port("127.0.0.1:0")
    await listening.start()
    yield fake
    await listening.stop(None)


@pytest.fixture
async def model(server: FakeServer) -> AsyncIterator[ServedModel]:
    served = ServedModel(f"127.0.0.1:{server.port}", "ranking")
    yield served
    await served.close()
