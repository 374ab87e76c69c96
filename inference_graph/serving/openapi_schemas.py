"""The schemas of requests and answers, as JSON Schema 2020-12."""

from __future__ import annotations

from typing import Any

from inference_graph.serving.checks import ID_BYTES, LATEST
from inference_graph.serving.event_protocol import LARGEST_VALUE, MOST_EVENTS
from inference_graph.serving.protocol import LARGEST, MOST_EXCLUDED, MOST_INSTANCES, MOST_ITEMS, MOST_WORDS
from inference_graph.serving.protocol import MOST_EVENTS as MOST_HISTORY

Json = dict[str, Any]

ERROR_STATUSES = {
    400: "The request is wrong: `field` names where.",
    404: "No such model or route.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON by its Content-Type.",
    429: "More requests than can be served now; see Retry-After.",
    503: "Not ready, or a service that this needs is away; see Retry-After.",
}
PREDICT_EXAMPLE: Json = {"instances": [{"user_id": "1", "limit": 10, "exclude": ["318"]}]}
SIMILAR_EXAMPLE: Json = {"instances": [{"item_id": "50", "limit": 10}]}
EVENTS_EXAMPLE: Json = {"events": [{"user_id": "1", "item_id": "318", "type": "rating", "value": 5.0}]}

_NULL: Json = {"type": "null"}
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_BOOLEAN: Json = {"type": "boolean"}
_RANK: Json = {"type": "integer", "minimum": 1}
_ID: Json = {"$ref": "#/components/schemas/Id"}
_TIME: Json = {"type": "number", "minimum": 0, "maximum": LATEST, "description": "seconds since 1970"}
_BOUND: Json = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}


def schemas() -> dict[str, Json]:
    return {
        "Id": {"type": "string", "minLength": 1, "maxLength": ID_BYTES, "pattern": r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"},
        "PredictRequest": _object({"instances": _list({"$ref": "#/components/schemas/Instance"}, 1, MOST_INSTANCES)}),
        "SimilarRequest": _object({"instances": _list({"$ref": "#/components/schemas/SimilarInstance"}, 1, MOST_INSTANCES)}),
        "Instance": _object(_instance(), required=[]),
        "SimilarInstance": _object({"item_id": _ID, **_instance()}, required=["item_id"]),
        "Filters": {
            "type": "object",
            "properties": {"categories": _object({"any": _words(), "none": _words()}, required=[])},
            "additionalProperties": {"$ref": "#/components/schemas/ColumnFilter"},
            "description": "`categories`, and any column of the catalogue",
        },
        "ColumnFilter": _object({"min": _BOUND, "max": _BOUND, "in": _list({"anyOf": [_ID, _BOUND]}, 0, MOST_WORDS)}, required=[]),
        "SessionEvent": _object(_event(), required=["item_id", "type"]),
        "Event": _object({"user_id": _ID, **_event()}, required=["user_id", "item_id", "type"]),
        "Events": _object({"events": _list({"$ref": "#/components/schemas/Event"}, 1, MOST_EVENTS)}),
        "Stored": _object({"stored": {"type": "integer", "minimum": 0}, "duplicates": {"type": "integer", "minimum": 0}}),
        "UserEvents": _object({"user_id": _TEXT, "events": _list(_object(_stored()))}),
        "Erased": _object({"user_id": _TEXT, "erased": _BOOLEAN}),
        "PredictResponse": _object({"predictions": _list({"$ref": "#/components/schemas/Prediction"})}),
        "ExplainResponse": _object({"predictions": _list({"$ref": "#/components/schemas/Explanation"})}),
        "Prediction": _object(_prediction()),
        "Explanation": _object({**_prediction(), **_explanation()}),
        "Models": _object({"models": _list(_TEXT)}),
        "ModelReady": _object({"name": _TEXT, "ready": _BOOLEAN}),
        "Alive": _object({"status": {"const": "alive"}}),
        "Error": _object({"error": _TEXT, "field": _or_null(_TEXT), "request_id": _TEXT}),
    }


def _instance() -> Json:
    return {
        "user_id": {**_or_null(_ID), "description": "absent or null: anonymous"},
        "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": 10},
        "exclude": _list(_ID, 0, MOST_EXCLUDED),
        "filters": {"$ref": "#/components/schemas/Filters"},
        "history": _list({"$ref": "#/components/schemas/SessionEvent"}, 0, MOST_HISTORY),
        "timestamp": _TIME,
    }


def _event() -> Json:
    value = {"type": ["number", "null"], "minimum": 0, "maximum": LARGEST_VALUE, "description": "stars, required of a rating; or units"}
    type_ = {"type": "string", "description": "rating, purchase, view, click, and what graph.yaml adds"}
    more = {"timestamp": {**_TIME, "type": ["number", "null"]}, "event_id": _or_null(_ID), "request_id": _or_null(_ID)}
    return {"item_id": _ID, "type": type_, "value": value, **more}


def _stored() -> Json:
    return {"item_id": _TEXT, "type": _TEXT, "value": _or_null(_NUMBER), "timestamp": _NUMBER}


def _prediction() -> Json:
    versions = _object({name: _or_null(_TEXT) for name in ("retrieval", "ranking", "snapshot", "graph")})
    return {
        "user_id": _or_null(_TEXT),
        "user": {"enum": ["known", "unknown", "anonymous"]},
        "items": _list(_object({"item_id": _TEXT, "title": _TEXT, "score": _or_null(_NUMBER), "sources": _map(_RANK)})),
        "degraded": _list(_TEXT),
        "rules_relaxed": _list(_TEXT),
        "versions": versions,
        "request_id": _TEXT,
    }


def _explanation() -> Json:
    state = {"features": _map(_NUMBER), "history": _list(_object({"item_id": _TEXT, "value": _NUMBER, "timestamp": _NUMBER}))}
    candidate = {
        "item_id": _TEXT,
        "sources": _map(_RANK),
        "removed_by": _or_null(_TEXT),
        "ranker_score": _or_null(_NUMBER),
        "boosts": _map(_NUMBER),
        "score": _or_null(_NUMBER),
        "position": _or_null(_RANK),
    }
    return {"state": _object(state), "seeds": _list(_TEXT), "candidates": _list(_object(candidate)), "timings_ms": _map(_NUMBER)}


def _object(properties: Json, required: list[str] | None = None) -> Json:
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _map(value: Json) -> Json:
    return {"type": "object", "additionalProperties": value}


def _list(items: Json, least: int = 0, most: int | None = None) -> Json:
    bounds = {} if most is None else {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items, **bounds}


def _words() -> Json:
    return _list(_ID, 0, MOST_WORDS)


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, _NULL]}
