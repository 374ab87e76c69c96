"""Errors as JSON: one shape for every route, ours and KServe's; what is inside the process stays there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from inference_graph.errors import DependencyError, InvalidRequest

logger = logging.getLogger(__name__)

RETRY: Mapping[str, str] = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What a caller is told: `field` is the path of what is wrong in the request, if anything is."""

    status: int
    error: str
    field: str | None = None
    headers: Mapping[str, str] | None = None

    def body(self, request_id: str) -> bytes:
        return orjson.dumps({"error": self.error, "field": self.field, "request_id": request_id})


class Refused(Exception):
    """Raised where the answer is known already."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.error)
        self.fault = fault


def fault_of(error: Exception, method: str, path: str) -> Fault:
    """The answer to an exception that a route raised; anything that nobody foresaw is a bug and a 500."""
    match error:
        case Refused():
            return error.fault
        case InvalidRequest():
            return Fault(400, str(error), error.field)
        case DependencyError():
            return Fault(503, f"a service that this answer needs failed ({error.reason}), try again", None, RETRY)
        case HTTPException(status_code=405, headers=headers):
            allowed = (headers or {}).get("Allow", "")
            return Fault(405, f"method: expected {allowed}, got {method}", "method", {"Allow": allowed})
        case HTTPException(status_code=404):
            return Fault(404, f"path: expected a route that /openapi.json names, got {path[:200]!r}", "path")
        case HTTPException(status_code=status, detail=detail):
            return Fault(status, str(detail))
        case _:
            return Fault(500, "a fault of ours: it is in the log, under this request_id")


def install(app: FastAPI, vendors: Mapping[type[Exception], Callable[[Exception], Fault]]) -> None:
    """Lets every error of the app's routes be answered in our shape; `vendors` maps the errors of its frameworks."""

    async def answer(request: Request, error: Exception) -> Response:
        request_id = request.headers.get("x-request-id", "")
        method, path = request.method, request.url.path
        mapped = vendors.get(type(error))
        fault = mapped(error) if mapped is not None else fault_of(error, method, path)
        log(fault, error, method, path, request_id)
        return Response(fault.body(request_id), fault.status, dict(fault.headers or {}), "application/json")

    for kind in (Refused, InvalidRequest, DependencyError, HTTPException, Exception, *vendors):
        app.add_exception_handler(kind, answer)


def log(fault: Fault, error: Exception, method: str, path: str, request_id: str) -> None:
    """Nothing for a caller's mistake, a line for what is away, the traceback only for a bug."""
    if fault.status == 500:
        logger.error("request %s: %s %.200r failed: %r", request_id, method, path, error, exc_info=error)
    elif fault.status >= 500:
        cause = " ".join(str(error.__cause__ or error).split())
        logger.warning("request %s: %s %.200r answered %d: %s", request_id, method, path, fault.status, cause)
