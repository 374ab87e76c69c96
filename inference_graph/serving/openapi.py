"""Our OpenAPI: every route with the schemas of its requests and answers, from the same bounds that the parser checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference_graph.serving.event_protocol import DEFAULT_READ, MOST_READ
from inference_graph.serving.openapi_schemas import ERROR_STATUSES, EVENTS_EXAMPLE, PREDICT_EXAMPLE, SIMILAR_EXAMPLE, schemas
from inference_graph.serving.protocol import Surface

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
REQUEST_ID: Json = {"schema": _TEXT, "description": "as it was sent, or made here"}
LIMIT: Json = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_READ, "default": DEFAULT_READ}}


def openapi(names: Mapping[str, Surface]) -> Json:
    """The document for models of these names."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Recommender", "version": "1", "description": "A recommendation inference graph as a KServe transformer."},
        "paths": {path: route for name, surface in names.items() for path, route in _model(name, surface).items()},
        "components": {"schemas": schemas(), "headers": {"RequestId": REQUEST_ID}},
    }
    document["paths"] |= {
        "/v1/models": {"get": _operation("Which models there are.", {200: "Models"})},
        "/v1/models/{model}": {
            "get": _operation("Whether a model is ready.", {200: "ModelReady"}, [404, 503], parameters=[_in_path("model", _TEXT)])
        },
        "/v1/events": {
            "post": _operation(
                "Store events: all or none, durable before the answer.",
                {202: "Stored"},
                [400, 408, 413, 415, 429, 503],
                "Events",
                EVENTS_EXAMPLE,
            )
        },
        "/v1/users/{user_id}/events": {
            "get": _operation(
                "A user's events, newest first.", {200: "UserEvents"}, [400, 404, 503], parameters=[_in_path("user_id", _ref("Id")), LIMIT]
            )
        },
        "/v1/users/{user_id}": {
            "delete": _operation("Erase a user.", {200: "Erased"}, [400, 404, 503], parameters=[_in_path("user_id", _ref("Id"))])
        },
        "/": {"get": _operation("Whether the process is alive.", {200: "Alive"})},
        "/metrics": {"get": _page("Metrics in Prometheus' text format.", "text/plain")},
        "/openapi.json": {"get": _page("This document.", "application/json")},
        "/docs": {"get": _page("This document as a page.", "text/html")},
    }
    return document


def _model(name: str, surface: Surface) -> Json:
    request, example = ("PredictRequest", PREDICT_EXAMPLE) if surface == "home" else ("SimilarRequest", SIMILAR_EXAMPLE)
    what = "Recommendations for users." if surface == "home" else "Items for the page of one item."
    explained = "The same answers, with everything that was known when they were made."
    faults = [400, 404, 408, 413, 415, 429, 503]
    return {
        f"/v1/models/{name}:predict": {"post": _operation(what, {200: "PredictResponse"}, faults, request, example)},
        f"/v1/models/{name}:explain": {"post": _operation(explained, {200: "ExplainResponse"}, faults, request, example)},
    }


def _operation(
    summary: str,
    answers: Mapping[int, str],
    faults: list[int] | None = None,
    request: str | None = None,
    example: object = None,
    parameters: list[Json] | None = None,
) -> Json:
    operation: Json = {"summary": summary, "responses": {str(status): _answer("OK", name) for status, name in answers.items()}}
    operation["responses"] |= {str(status): _answer(ERROR_STATUSES[status], "Error") for status in faults or []}
    operation["parameters"] = [*(parameters or []), {"name": "X-Request-Id", "in": "header", "schema": _TEXT}]
    if request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(request), "example": example}}}
    return operation


def _answer(description: str, name: str) -> Json:
    return {
        "description": description,
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": {"application/json": {"schema": _ref(name)}},
    }


def _page(summary: str, content_type: str) -> Json:
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": {content_type: {}}}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}
