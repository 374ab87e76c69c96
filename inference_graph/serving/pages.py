"""Routes that say what this process is: alive, its metrics, its OpenAPI, and that as a page which needs no other server."""

from __future__ import annotations

import html
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

STYLE = "body{font:15px sans-serif;margin:2em auto;max-width:60em}pre{background:#eee;padding:1em;overflow:auto}"
OTHER_METHODS = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]


def pages(document: dict[str, Any]) -> APIRouter:
    """`document` is the OpenAPI."""
    router = APIRouter()
    as_json, as_page = orjson.dumps(document), _page(document)

    @router.get("/")
    async def alive() -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), media_type=content_type)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        return Response(as_json, media_type="application/json")

    @router.get("/docs")
    async def docs() -> Response:
        return Response(as_page, media_type="text/html; charset=utf-8")

    @router.api_route("/v1/models/{name}:predict", methods=OTHER_METHODS)
    @router.api_route("/v1/models/{name}:explain", methods=OTHER_METHODS)
    async def only_post(name: str) -> Response:
        # KServe's GET /v1/models/{name} would take the verb for a part of the name and say 404.
        raise HTTPException(405, headers={"Allow": "POST"})

    return router


def _page(document: dict[str, Any]) -> bytes:
    parts = [f"<!doctype html><title>{document['info']['title']}</title><style>{STYLE}</style><h1>{document['info']['title']}</h1>"]
    parts.append("<p>The whole, for programs: <a href=openapi.json>openapi.json</a></p>")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{html.escape(operation['summary'])}</p>")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in body:
                shown = orjson.dumps(body["example"], option=orjson.OPT_INDENT_2).decode()
                parts.append(f"<pre>{html.escape(shown, quote=False)}</pre>")
    for name, schema in document["components"]["schemas"].items():
        shown = orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()
        parts.append(f"<h3>{name}</h3><pre>{html.escape(shown, quote=False)}</pre>")
    return "".join(parts).encode()
