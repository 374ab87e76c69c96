"""Reading JSON with the error texts and offsets of RapidJSON, which TF Serving quotes."""

from __future__ import annotations

import json
import re

from model_server.json_tensors import Json
from model_server.refusal import Refused, invalid

_SPACE = re.compile(rb"[ \n\r\t]*")
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)")
_WORDS = (b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity", b"Inf", b"-Inf")


def read_json(body: bytes) -> Json:
    """The first value of the body: TF Serving stops there and does not look at what follows; raises Refused."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        text = body.decode("utf-8-sig", "surrogateescape")
        return json.JSONDecoder().raw_decode(text, len(text) - len(text.lstrip(" \n\r\t")))[0]
    except RecursionError as error:
        raise invalid("JSON Parse error: lists and objects nested too deep") from error
    except ValueError as error:
        raise _refusal(body, error) from error


def _refusal(body: bytes, error: ValueError) -> Refused:
    try:
        _value(body, 0)
    except _Broken as broken:
        return invalid(f"JSON Parse error: {broken.text} at offset: {broken.offset}")
    except RecursionError:
        return invalid("JSON Parse error: lists and objects nested too deep")
    return invalid(f"JSON Parse error: Invalid value. at offset: {getattr(error, 'pos', 0)}")


class _Broken(Exception):
    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.text = text
        self.offset = offset


def _value(body: bytes, at: int) -> int:
    """Where the value that begins here ends; raises _Broken where RapidJSON would stop."""
    at = _skip(body, at)
    first = body[at : at + 1]
    if not first and at == len(body) and not body.strip():
        raise _Broken("The document is empty.", at)
    if first == b"{":
        return _members(body, at + 1)
    if first == b"[":
        return _elements(body, at + 1)
    if first == b'"':
        return _string(body, at + 1)
    for word in _WORDS:
        if body.startswith(word, at):
            return at + len(word)
    return _number(body, at)


def _members(body: bytes, at: int) -> int:
    at = _skip(body, at)
    if body[at : at + 1] == b"}":
        return at + 1
    while True:
        if body[at : at + 1] != b'"':
            raise _Broken("Missing a name for object member.", at)
        at = _skip(body, _string(body, at + 1))
        if body[at : at + 1] != b":":
            raise _Broken("Missing a colon after a name of object member.", at)
        at = _skip(body, _value(body, at + 1))
        if body[at : at + 1] == b"}":
            return at + 1
        if body[at : at + 1] != b",":
            raise _Broken("Missing a comma or '}' after an object member.", at)
        at = _skip(body, at + 1)


def _elements(body: bytes, at: int) -> int:
    at = _skip(body, at)
    if body[at : at + 1] == b"]":
        return at + 1
    while True:
        at = _skip(body, _value(body, at))
        if body[at : at + 1] == b"]":
            return at + 1
        if body[at : at + 1] != b",":
            raise _Broken("Missing a comma or ']' after an array element.", at)
        at = _skip(body, at + 1)


def _string(body: bytes, at: int) -> int:
    opened = at - 1
    while True:
        letter = body[at : at + 1]
        if not letter:
            raise _Broken("Missing a closing quotation mark in string.", opened)
        if letter == b'"':
            return at + 1
        if letter < b" ":
            raise _Broken("Invalid encoding in string.", at)
        if letter == b"\\":
            escape = body[at + 1 : at + 2]
            if escape == b"u" and not re.match(rb"[0-9a-fA-F]{4}", body[at + 2 : at + 6]):
                raise _Broken("Incorrect hex digit after \\u escape in string.", at)
            if escape not in (b'"', b"\\", b"/", b"b", b"f", b"n", b"r", b"t", b"u"):
                raise _Broken("Invalid escape character in string.", at)
            at += 6 if escape == b"u" else 2
        else:
            at += 1


def _number(body: bytes, at: int) -> int:
    whole = _NUMBER.match(body, at)
    if whole is None:
        raise _Broken("Invalid value.", at)
    at = whole.end()
    if body[at : at + 1] == b".":
        at = _digits(body, at + 1, "Miss fraction part in number.")
    if body[at : at + 1] in (b"e", b"E"):
        at += 1 + (body[at + 1 : at + 2] in (b"+", b"-"))
        at = _digits(body, at, "Miss exponent in number.")
    return at


def _digits(body: bytes, at: int, missing: str) -> int:
    end = at
    while body[end : end + 1].isdigit():
        end += 1
    if end == at:
        raise _Broken(missing, at)
    return end


def _skip(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at
