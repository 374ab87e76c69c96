"""A job that starts beside its Redis waits for it, for so long."""

from __future__ import annotations

import time
from contextlib import closing
from urllib.parse import urlsplit

import redis

from inference_graph.errors import DependencyUnavailable

BETWEEN_SECONDS = 1.0


def wait_for_redis(url: str, seconds: float) -> None:
    """Returns once Redis answers. Raises DependencyUnavailable, with Redis's last word, where it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    with closing(redis.Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)) as client:
        while True:
            try:
                client.ping()
            except redis.RedisError as error:
                if time.monotonic() >= deadline:
                    parts = urlsplit(url)
                    where = f"{parts.hostname}:{parts.port or 6379}"
                    raise DependencyUnavailable(f"Redis at {where} did not answer within {seconds:.0f} s: {error}") from error
            else:
                return
            time.sleep(BETWEEN_SECONDS)
