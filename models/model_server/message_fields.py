"""One field of a serialized message, picked out without reading the rest.

A MetaGraphDef holds the whole graph, many megabytes; parsing it for its signatures would hold the interpreter's lock, and calls
in flight with it, and the parsed message would keep all of it in memory.
"""

from __future__ import annotations

_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


def only_field(number: int, content: memoryview) -> bytes:
    """A message of the same type with every entry of this field and of no other; raises ValueError where it is no message."""
    kept: list[memoryview] = []
    at = 0
    while at < len(content):
        begin = at
        tag, at = _varint(content, at)
        at = _end(content, tag & 7, at)
        if tag >> 3 == number:
            kept.append(content[begin:at])
    return b"".join(kept)


def _end(content: memoryview, kind: int, at: int) -> int:
    if kind == _VARINT:
        at = _varint(content, at)[1]
    elif kind == _WITH_LENGTH:
        size, at = _varint(content, at)
        at += size
    elif kind in _SIZES:
        at += _SIZES[kind]
    else:
        raise ValueError(f"a field of kind {kind} at byte {at}; expected kind 0, 1, 2 or 5")
    if at > len(content):
        raise ValueError(f"a field that ends at byte {at}; the message ends at {len(content)}")
    return at


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(content):
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number that does not end before the message does, at byte {at}")
