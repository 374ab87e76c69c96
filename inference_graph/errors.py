"""Every error that this package raises on purpose.

InferenceGraphError
    InvalidRequest            the caller's fault: names the field, what was expected and what came
    InvalidConfiguration      graph.yaml or a setting: names the key
    InvalidSnapshot           a catalogue snapshot that must not be served
    DependencyError           an outside service, mapped from its vendor's errors in `clients/`
        DependencyTimeout
        DependencyUnavailable
        DependencyOverloaded
        DependencyBadResponse
"""

from __future__ import annotations


class InferenceGraphError(Exception):
    """Root of the tree above."""


class InvalidRequest(InferenceGraphError):
    def __init__(self, field: str, expected: str, got: object) -> None:
        shown = repr(got) if isinstance(got, str) else str(got)
        super().__init__(f"{field}: expected {expected}, got {shown[:100]}")
        self.field = field


class InvalidConfiguration(InferenceGraphError):
    pass


class InvalidSnapshot(InferenceGraphError):
    pass


class DependencyError(InferenceGraphError):
    reason = "error"


class DependencyTimeout(DependencyError):
    reason = "timeout"


class DependencyUnavailable(DependencyError):
    reason = "unavailable"


class DependencyOverloaded(DependencyError):
    reason = "overloaded"


class DependencyBadResponse(DependencyError):
    reason = "bad_response"
