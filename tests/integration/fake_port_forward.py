"""`pods/NAME/portforward` of a Kubernetes API server: WebSocket, a data and an error channel for a port, one HTTP request through it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
DATA, ERROR = 0, 1
BINARY, CLOSE = 2, 8


def forward_port(handler: BaseHTTPRequestHandler, answers: Mapping[tuple[str, str], Any], pod: str, port: int) -> None:
    """Upgrades the connection; a pod with no answers at all refuses it in the error channel, as kubelet does."""
    key = base64.b64encode(hashlib.sha1(f"{handler.headers['Sec-WebSocket-Key']}{GUID}".encode()).digest()).decode()
    handler.send_response(101)
    for name, value in {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": key,
        "Sec-WebSocket-Protocol": "v4.channel.k8s.io",
    }.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.close_connection = True
    for channel in (DATA, ERROR):
        _send(handler, channel, port.to_bytes(2, "little"))
    request = b""
    while b"\r\n\r\n" not in request:
        frame = _receive(handler)
        if frame is None:
            return
        request += frame[1:]
    if not any(name == pod for name, _ in answers):
        _send(handler, ERROR, f"error forwarding port {port} to pod {pod}: connection refused".encode())
    else:
        _send(handler, DATA, _answer(answers.get((pod, request.split()[1].decode()))))
    while _receive(handler) is not None:
        pass


def _answer(found: Any) -> bytes:
    body = found if isinstance(found, str) else json.dumps(found)
    status = "404 Not Found" if found is None else "200 OK"
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()


def _send(handler: BaseHTTPRequestHandler, channel: int, data: bytes) -> None:
    content = bytes([channel]) + data
    size = bytes([len(content)]) if len(content) < 126 else b"\x7e" + len(content).to_bytes(2, "big")
    handler.wfile.write(bytes([0x80 | BINARY]) + size + content)


def _receive(handler: BaseHTTPRequestHandler) -> bytes | None:
    """One frame's content; None at the end."""
    head = handler.rfile.read(2)
    if len(head) < 2 or head[0] & 0x0F == CLOSE:
        return None
    size = head[1] & 0x7F
    if size == 126:
        size = int.from_bytes(handler.rfile.read(2), "big")
    mask = handler.rfile.read(4)
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(handler.rfile.read(size)))
