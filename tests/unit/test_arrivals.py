"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time

from inference_graph.serving.arrivals import HEARTBEAT_SECONDS, EventLoopLag


async def test_work_that_blocks_the_event_loop_is_its_lag_and_is_remembered_as_the_worst():
    lag = EventLoopLag()
    assert lag.worst == 0.0
    watching = asyncio.create_task(lag.watch())
    await asyncio.sleep(3 * HEARTBEAT_SECONDS)
    time.sleep(0.1)  # noqa: ASYNC251  # the block that is to be seen
    await asyncio.sleep(3 * HEARTBEAT_SECONDS)
    watching.cancel()
    assert lag.worst >= 0.1 - HEARTBEAT_SECONDS
    assert lag.seconds <= lag.worst
