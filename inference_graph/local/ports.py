"""Ports of the loopback interface: is one free, and which ones are."""

from __future__ import annotations

import errno
import random
import socket

from inference_graph.errors import InvalidConfiguration

HOST = "127.0.0.1"
# Below Linux's ephemeral range: no outgoing connection takes the port of a process that is being restarted.
CHOICE = range(20_000, 32_000)


def require_free(port: int) -> None:
    """Raises InvalidConfiguration, which says what to do, where the port cannot be had."""
    if (code := _bind_error(port)) == errno.EACCES:
        raise InvalidConfiguration(f"port {port} may not be used by an ordinary user: choose another, such as PORT=8080")
    if code is not None:
        other = next(candidate for candidate in range(port % 60_000 + 1, 65_536) if _bind_error(candidate) is None)
        raise InvalidConfiguration(f"port {port} on {HOST} is taken: stop what listens there, or choose another with PORT={other}")


def free_ports(count: int) -> list[int]:
    """That many different ports on which nothing listens now."""
    shuffled = random.sample(CHOICE, len(CHOICE))
    found: list[int] = []
    for port in shuffled:
        if len(found) == count:
            break
        if _bind_error(port) is None:
            found.append(port)
    if len(found) < count:
        raise InvalidConfiguration(f"no free ports from {CHOICE.start} to {CHOICE.stop - 1} on {HOST}")
    return found


def _bind_error(port: int) -> int | None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            return error.errno
        return None
