"""HTTP/1.1 as little as measuring needs: one request as bytes, one response out of bytes."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from inference_graph.errors import DependencyBadResponse

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    last: bool = False  # the server closes the connection after it


def post(path: str, document: object) -> bytes:
    body = orjson.dumps(document)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def predict(model: str, user_id: str, limit: int, timestamp: float, verb: str = "predict") -> bytes:
    instance = {"user_id": user_id, "limit": limit, "timestamp": timestamp}
    return post(f"/v1/models/{model}:{verb}", {"instances": [instance]})


def is_full(response: Response) -> bool:
    """A 200 that did without nothing."""
    return response.status == 200 and not orjson.loads(response.body)["predictions"][0]["degraded"]


def whole_response(received: bytearray) -> Response | None:
    """Takes the response off the front once all of it is there. Raises DependencyBadResponse for one without a length."""
    end = received.find(HEAD_END)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    place = head.find(b"\r\ncontent-length:")
    if place < 0:
        raise DependencyBadResponse(f"a response without Content-Length: {head[:200]!r}")
    length = int(head[place + 17 :].split(b"\r\n", 1)[0])
    stop = end + len(HEAD_END) + length
    if len(received) < stop:
        return None
    body = bytes(received[end + len(HEAD_END) : stop])
    del received[:stop]
    return Response(int(head[9:12]), body, b"\r\nconnection: close" in head)
