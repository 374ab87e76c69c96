"""A job waits for its Redis, and not for ever."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from inference_graph.errors import DependencyUnavailable
from rec_models.waiting import wait_for_redis


def test_a_redis_that_comes_late_is_waited_for(redis_server: Any) -> None:
    redis_server.kill()
    late = threading.Timer(1.0, redis_server.start)
    late.start()
    wait_for_redis(redis_server.url, 20)
    late.join()


def test_one_that_does_not_come_is_named_after_the_deadline() -> None:
    with pytest.raises(DependencyUnavailable, match=r"Redis at 127\.0\.0\.1:1 did not answer within 1 s"):
        wait_for_redis("redis://:secret@127.0.0.1:1", 1)
