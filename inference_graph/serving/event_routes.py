"""Routes of events and users: what happened is written here, read here and erased here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import unquote_to_bytes

import orjson
from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from inference_graph import metrics
from inference_graph.catalogue import Catalogue
from inference_graph.errors import DependencyError, InvalidRequest
from inference_graph.serving.checks import Words, an_id, decoded, refuse
from inference_graph.serving.error_answers import RETRY, Fault, Refused
from inference_graph.serving.event_protocol import parse_events, parse_read_limit, render_events
from inference_graph.types import Event, Events

ALL_METHODS = ["GET", "DELETE", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"]
TWICE = "one that was stored after all is not stored twice"


class EventLog(Protocol):
    async def write(self, events: Sequence[Event]) -> tuple[int, int]: ...
    async def events(self, user_id: str, limit: int) -> Events: ...
    async def erase(self, user_id: str) -> bool: ...


def event_routes(log: EventLog, event_types: Callable[[], frozenset[str]], catalogue: Callable[[], Catalogue | None]) -> APIRouter:
    """Needs neither models nor a snapshot: events are taken while answers cannot be given yet."""
    router = APIRouter()

    @router.post("/v1/events")
    async def post_events(request: Request) -> Response:
        try:
            events = parse_events(decoded(await request.body()), time.time(), event_types())
        except InvalidRequest:
            metrics.EVENTS.labels("rejected").inc()
            raise
        try:
            stored, duplicates = await log.write(events)
        except DependencyError as error:
            metrics.EVENTS.labels("failed").inc(len(events))
            text = f"the events are not acknowledged, for the event log failed ({error.reason}): send them again; {TWICE}"
            raise Refused(Fault(503, text, None, RETRY)) from error
        metrics.EVENTS.labels("stored").inc(stored)
        metrics.EVENTS.labels("duplicate").inc(duplicates)
        _count_unknown(events, catalogue())
        return _json({"stored": stored, "duplicates": duplicates}, 202)

    @router.api_route("/v1/users/{rest:path}", methods=ALL_METHODS)
    async def user(request: Request) -> Response:
        user_id, below = _path_of(request)
        match below, request.method:
            case ["events"], "GET":
                return _json(render_events(user_id, await log.events(user_id, _limit_of(request))))
            case [], "DELETE":
                return _json({"user_id": user_id, "erased": await log.erase(user_id)})
            case ["events"] | [], _:
                raise HTTPException(405, headers={"Allow": "GET" if below else "DELETE"})
            case _:
                raise HTTPException(404)

    return router


def _path_of(request: Request) -> tuple[str, list[str]]:
    """The user id in /v1/users/ID and what follows it; from the raw path, where an id may hold %2F."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    segment, *below = raw.split(b"?")[0].split(b"/")[3:]
    try:
        return an_id(unquote_to_bytes(segment).decode(), "user_id"), [part.decode("latin-1") for part in below]
    except UnicodeDecodeError:
        raise InvalidRequest("user_id", "UTF-8 in percent-encoding", Words(repr(segment[:80]))) from None


def _limit_of(request: Request) -> int:
    if unknown := set(request.query_params) - {"limit"}:
        raise refuse("query", "no other parameter than limit", min(unknown))
    return parse_read_limit(request.query_params.get("limit"))


def _count_unknown(events: Sequence[Event], catalogue: Catalogue | None) -> None:
    if catalogue is not None:
        metrics.UNKNOWN_ITEMS.inc(int((catalogue.rows_of([event.item_id for event in events]) < 0).sum()))


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
