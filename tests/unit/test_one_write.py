"""An answer's head and body leave together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from inference_graph.serving.http_protocol import OneWrite


@dataclass
class Recorded:
    """A transport that keeps what was done to it."""

    done: list[object] = field(default_factory=list)
    closed: bool = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.closed = True
        self.done.append("closed")

    abort = close

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
async def transport(recorded: Recorded) -> Any:
    return OneWrite(cast(asyncio.Transport, recorded), asyncio.get_running_loop())


async def test_a_head_leaves_with_the_body_that_follows_at_once(transport: Any, recorded: Recorded) -> None:
    transport.write(b"head ")
    transport.write(b"body")
    assert recorded.done == [b"head body"]
    await asyncio.sleep(0)
    assert recorded.done == [b"head body"]


async def test_what_nothing_follows_leaves_in_the_next_turn_and_in_order(transport: Any, recorded: Recorded) -> None:
    for part in (b"head ", b"first", b" second"):
        transport.write(part)
    await asyncio.sleep(0)
    transport.write(b" third")
    await asyncio.sleep(0)
    assert b"".join(cast(list[bytes], recorded.done)) == b"head first second third"


@pytest.mark.parametrize(("end", "how"), [("close", "closed"), ("write_eof", "eof")])
async def test_an_end_comes_after_what_was_written(transport: Any, recorded: Recorded, end: str, how: str) -> None:
    transport.write(b"last")
    getattr(transport, end)()
    assert recorded.done == [b"last", how]


async def test_nothing_is_written_to_a_connection_that_ended_meanwhile(transport: Any, recorded: Recorded) -> None:
    transport.write(b"head")
    transport.abort()
    await asyncio.sleep(0)
    assert recorded.done == ["closed"]
