"""Checks of JSON values: each returns what it was given in its own type or raises InvalidRequest with the field's path."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from inference_graph.errors import InvalidRequest

ID_BYTES = 512
LATEST = 32_503_680_000
"""The year 3000 in seconds: what lies beyond was sent in milliseconds."""

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Shown:
    """What came, in JSON's words and bounded in length."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        value = self._value
        if value is None or value is True or value is False:
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, dict):
            return "an object"
        if isinstance(value, list):
            return f"a list of {len(value)}"
        if isinstance(value, str):
            return repr(value[:80])
        return "a huge number" if isinstance(value, int) and abs(value) > 10**300 else str(value)


class Words:
    """What came, in our words, which InvalidRequest must not put between quotation marks."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def refuse(field: str, expected: str, got: object) -> InvalidRequest:
    return InvalidRequest(field, expected, Shown(got))


def decoded(body: bytes) -> object:
    """The body's JSON. NaN, infinities, broken UTF-8 and more than 1,024 levels are not JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("body", "a JSON object", Words(f"what is not JSON: {error}")) from None


def below(path: str, key: object) -> str:
    """The path of a key; of its object alone where the key itself could not be read in a log."""
    return f"{path}.{key}".removeprefix(".") if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else path or "body"


def an_object(value: object, path: str, known: Collection[str], required: Collection[str] = ()) -> Mapping[str, Any]:
    """An object with no other keys than the known ones."""
    if not isinstance(value, dict):
        raise refuse(path or "body", "an object", value)
    for key in value:
        if key not in known:
            raise refuse(below(path, key), f"no other keys than {', '.join(known)}", key)
    for key in required:
        if key not in value:
            raise InvalidRequest(below(path, key), "a value", Words("nothing"))
    return value


def a_list(value: object, path: str, of: str, least: int, most: int) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise refuse(path, f"a list of {least} to {most} {of}", value)
    return value


def is_id(value: object) -> bool:
    """A string that can be a key, a label in a log and UTF-8: not empty, no control characters, at most ID_BYTES."""
    return isinstance(value, str) and value != "" and _FORBIDDEN.search(value) is None and len(value.encode()) <= ID_BYTES


def an_id(value: object, path: str) -> str:
    if not is_id(value):
        raise refuse(path, f"a string of 1 to {ID_BYTES} bytes without control characters", value)
    return str(value)


def ids(value: object, path: str, most: int) -> tuple[str, ...]:
    found = a_list(value, path, "strings", 0, most)
    for index, entry in enumerate(found):
        if not is_id(entry):
            an_id(entry, f"{path}[{index}]")
    return tuple(found)


def an_integer(value: object, path: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise refuse(path, f"an integer from {least} to {most}", value)
    return value


def a_number(value: object, path: str, least: float, most: float, unit: str = "") -> float:
    # A comparison with NaN is false, so that NaN is refused here.
    if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
        raise refuse(path, f"a number from {least:.15g} to {most:.15g}{unit}", value)
    return float(value)  # type: ignore[arg-type]


def a_timestamp(value: object, path: str) -> float:
    return a_number(value, path, 0, LATEST, " (seconds since 1970)")
