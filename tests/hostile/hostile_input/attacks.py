"""The known attacks, each with the status that answers it and the field that the answer must name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

PREDICT, EXPLAIN, SIMILAR = "/v1/models/recommender:predict", "/v1/models/recommender:explain", "/v1/models/similar:predict"
EVENTS = "/v1/events"
JSON = (("Content-Type", "application/json"),)
QUERIES = (
    "@",
    "*",
    "{}",
    "(@a:b)",
    "*=>[KNN 9 @vector $v]",
    "a|b",
    "'; DROP TABLE users; --",
    "../../etc/passwd",
    "%s%n%x",
    "${jndi:ldap://x}",
    "\u202eabc",
)
CONTROL = ("a\nb", "a\r\nb", "a\x00b", "\x1b[31m", "a\u2028b", "\x7f", "\t")


@dataclass(frozen=True)
class Attack:
    """`named`: the field of the answer; None where the request is a good one after all."""

    name: str
    body: bytes
    status: int = 400
    named: str | None = "body"
    path: str = PREDICT
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = field(default=JSON)


def known_attacks() -> list[Attack]:
    return [*_no_json(), *_wrong_types(), *_numbers(), *_sizes(), *_ids(), *_events(), *_routes()]


def _instance(**instance: object) -> bytes:
    return json.dumps({"instances": [instance]}).encode()


def _event(**event: object) -> bytes:
    return json.dumps({"events": [{"user_id": "hostile", "item_id": "1", "type": "view", **event}]}).encode()


def _no_json() -> Iterator[Attack]:
    for name, body in {
        "nothing": b"",
        "a word": b"hello",
        "half of it": b'{"instances": [{"user_id": "1"',
        "two documents": b"{}{}",
        "bytes that are no UTF-8": b'{"instances": [{"user_id": "\xff\xfe"}]}',
        "a lone surrogate": b'{"instances": [{"user_id": "\\ud800"}]}',
        "a byte order mark": b'\xef\xbb\xbf{"instances": [{}]}',
        "UTF-16": '{"instances": [{}]}'.encode("utf-16"),
        "XML": b"<instances/>",
        "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
        "100,000 levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    }.items():
        yield Attack(f"not JSON: {name}", body)
    yield Attack("deep nesting that is JSON", _instance(filters=_nested(500)), named="instances[0].filters.a")
    yield Attack("form data", b"a=1", 415, "content-type", headers=(("Content-Type", "application/x-www-form-urlencoded"),))
    yield Attack("compressed", b"\x1f\x8b", 415, "content-encoding", headers=(*JSON, ("Content-Encoding", "gzip")))


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def _wrong_types() -> Iterator[Attack]:
    for body in (b"null", b"[]", b"1", b'"instances"', b"true"):
        yield Attack(f"the body is {body.decode()}", body)
    for text in ("null", "{}", '"x"', "1", "[]"):
        yield Attack(f"instances is {text}", b'{"instances": %s}' % text.encode(), named="instances")
    for text in ("null", "[]", '"x"', "1"):
        yield Attack(f"an instance is {text}", b'{"instances": [%s]}' % text.encode(), named="instances[0]")
    wrong: dict[str, tuple[object, ...]] = {
        "user_id": (1, True, [], {}, 1.5, ""),
        "limit": ("10", None, True, [], {}, 1.5),
        "exclude": ("318", None, {}, 1),
        "history": ("x", None, {}, 1),
        "filters": ("x", None, [], 1),
        "timestamp": ("x", None, True, [], {}),
    }
    for key, values in wrong.items():
        for value in values:
            yield Attack(f"{key} is {json.dumps(value)}", _instance(**{key: value}), named=f"instances[0].{key}")
    yield Attack("an unknown key", _instance(user="1"), named="instances[0].user")
    yield Attack("an unknown key beside", b'{"instances": [{}], "parameters": {}}', named="parameters")
    yield Attack("a key that cannot be logged", b'{"instances": [{"\\n\\u001b[31m": 1}]}', named="instances[0]")
    yield Attack("__proto__", _instance(__proto__={}), named="instances[0].__proto__")
    yield Attack("an unknown column", _instance(filters={"no such column": {"min": 1}}), named="instances[0].filters")
    yield Attack("a filter upside down", _instance(filters={"categories": {"any": "Drama"}}), named="instances[0].filters.categories.any")


def _numbers() -> Iterator[Attack]:
    for text in ("NaN", "Infinity", "-Infinity", "nan", "0x10", "1e", "01", "1_000"):
        yield Attack(f"limit is {text}", b'{"instances": [{"limit": %s}]}' % text.encode())
    for text in ("0", "-1", "501", "10000", "1e400", "-1e400", "9" * 30, "9" * 5000, "1e3", "10.0", "-0"):
        named = "body" if "400" in text or len(text) > 4000 else "instances[0].limit"
        yield Attack(f"limit is {text[:40]}", b'{"instances": [{"limit": %s}]}' % text.encode(), named=named)
    for text in ("-1", "1e18", "9" * 400):
        named = "body" if len(text) > 300 else "instances[0].timestamp"
        yield Attack(f"timestamp is {text[:40]}", b'{"instances": [{"timestamp": %s}]}' % text.encode(), named=named)


def _sizes() -> Iterator[Attack]:
    yield Attack("10,000 instances", json.dumps({"instances": [{}] * 10_000}).encode(), named="instances")
    yield Attack("33 instances", json.dumps({"instances": [{}] * 33}).encode(), named="instances")
    yield Attack("10,001 exclusions", _instance(exclude=["1"] * 10_001), named="instances[0].exclude")
    yield Attack("501 events of history", _instance(history=[{"item_id": "1", "type": "view"}] * 501), named="instances[0].history")
    yield Attack("10 MB", b'{"instances": [{"user_id": "' + b"a" * 10_000_000 + b'"}]}', 413)
    yield Attack("an id of 1 MB less a little", _instance(user_id="a" * 1_000_000), named="instances[0].user_id")
    yield Attack("a key of 1 MB less a little", _instance(**{"a" * 1_000_000: 1}), named="instances[0]")
    yield Attack("501 events", json.dumps({"events": [{}] * 501}).encode(), named="events", path=EVENTS)
    yield Attack("a million digits", b'{"instances": [{"limit": %s}]}' % (b"9" * 1_000_000), named="body")
    yield Attack("a million commas", b'{"instances": [' + b"," * 1_000_000 + b"]}")
    yield Attack("300,000 empty lists", b'{"instances": [' + b"[]," * 300_000 + b"[]]}", named="instances")


def _ids() -> Iterator[Attack]:
    for text in CONTROL:
        shown = json.dumps(text)
        yield Attack(f"user_id {shown}", _instance(user_id=text), named="instances[0].user_id")
        yield Attack(f"exclude {shown}", _instance(exclude=[text]), named="instances[0].exclude[0]")
        yield Attack(f"item_id of an event {shown}", _event(item_id=text), named="events[0].item_id", path=EVENTS)
    for text in QUERIES:
        yield Attack(f"user_id {text}", _instance(user_id=text), 200, None)
        yield Attack(f"exclude {text}", _instance(exclude=[text]), 200, None)
        yield Attack(f"an event of {text}", _event(user_id=text, item_id=text), 202, None, EVENTS)
        yield Attack(f"the page of {text}", _instance(item_id=text), named="instances[0].item_id", path=SIMILAR)


def _events() -> Iterator[Attack]:
    for key, value in (
        ("type", "no such"),
        ("type", 1),
        ("value", "5"),
        ("value", -1),
        ("value", 1e300),
        ("timestamp", 1e12),
        ("event_id", 1),
    ):
        yield Attack(f"{key} of an event is {value}", _event(**{key: value}), named=f"events[0].{key}", path=EVENTS)
    yield Attack("a rating without a value", _event(type="rating"), named="events[0].value", path=EVENTS)
    yield Attack("an event from the future", _event(timestamp=4_000_000_000), named="events[0].timestamp", path=EVENTS)
    yield Attack(
        "a value that is not a number", b'{"events": [{"user_id": "1", "item_id": "1", "type": "rating", "value": NaN}]}', path=EVENTS
    )


def _routes() -> Iterator[Attack]:
    yield Attack("an unknown model", _instance(), 404, "model", "/v1/models/nobody:predict")
    yield Attack("a model with a path in it", _instance(), 404, "path", "/v1/models/../../x:predict")
    yield Attack("an unknown verb", _instance(), 405, "method", "/v1/models/recommender:delete")
    yield Attack("KServe's v2", _instance(), 404, "path", "/v2/models/recommender/infer")
    yield Attack("an unknown route", b"", 404, "path", "/admin", "GET")
    yield Attack("a user in control characters", b"", 404, "path", "/v1/users/a%0ab/events", "GET")
    yield Attack("a user with an escape in it", b"", 400, "user_id", "/v1/users/a%1bb/events", "GET")
    yield Attack("a user in no UTF-8", b"", 400, "user_id", "/v1/users/%ff/events", "GET")
    yield Attack("a reading without end", b"", 400, "limit", "/v1/users/1/events?limit=100000", "GET")
    yield Attack("a reading of nothing", b"", 400, "limit", "/v1/users/1/events?limit=0", "GET")
    yield Attack("a reading of words", b"", 400, "limit", "/v1/users/1/events?limit=%F0%9F%92%A9", "GET")
    yield Attack("an unknown parameter", b"", 400, "query", "/v1/users/1/events?offset=1", "GET")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        yield Attack(f"{method} of a prediction", _instance(), 405, "method", PREDICT, method)
    for method in ("PUT", "PATCH", "DELETE"):
        yield Attack(f"{method} of events", _event(), 405, "method", EVENTS, method)
    for method in ("POST", "PUT"):
        yield Attack(f"{method} of the metrics", b"{}", 405, "method", "/metrics", method)
