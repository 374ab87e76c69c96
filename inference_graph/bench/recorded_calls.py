"""The remote calls of one request, as bytes, with when each began and ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HOLD_SECONDS = 0.02
"""How long a stand-in keeps every reply back: what is asked side by side is then seen side by side, however busy the stand-ins are."""


@dataclass(frozen=True, slots=True)
class Call:
    """`service` is redis or a model's name; `method` is the gRPC method, empty for Redis, which answers with `replies` replies."""

    service: str
    method: str
    request: bytes
    replies: int
    began: float
    ended: float


def waves(calls: Sequence[Call]) -> list[list[Call]]:
    """The calls in groups that were under way side by side; each group began after the one before it had ended."""
    grouped: list[list[Call]] = []
    until = float("-inf")
    for call in sorted(calls, key=lambda c: c.began):
        if call.began >= until:
            grouped.append([])
        grouped[-1].append(call)
        until = max(until, call.ended)
    return grouped
