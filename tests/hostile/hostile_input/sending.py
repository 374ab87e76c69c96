"""Requests as bytes on a socket, so that nothing puts right what is wrong in them; and what every answer must be."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

ANSWER_SECONDS = 20.0
"""Longer than any bound of the server: who waits so long met a hang."""


@dataclass(frozen=True)
class Reply:
    """Status 0 where nothing came; then `body` says what happened."""

    status: int
    headers: dict[str, str]
    body: bytes


class Sender:
    """One connection at a time, kept while the server keeps it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None

    def request(self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> Reply:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
        length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
        return self.exchange((head + length + "\r\n").encode("utf-8", "surrogateescape"), body)

    def exchange(self, *parts: bytes) -> Reply:
        """Sends and reads one answer. A connection that the server had closed in between is opened again."""
        kept = self._socket is not None
        reply = self._exchange(parts)
        return self._exchange(parts) if reply.status == 0 and kept and b"timed out" not in reply.body else reply

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, parts: Iterable[bytes]) -> Reply:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, ANSWER_SECONDS)
                # Else a body waits for the acknowledgement of its head: 30 ms of every request.
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(ConnectionError):  # an answer may come before all was sent
                for part in parts:
                    self._socket.sendall(part)
            reply = read_reply(self._socket)
        except OSError as error:
            self.close()
            return Reply(0, {}, repr(error).encode())
        if reply.headers.get("connection") == "close":
            self.close()
        return reply


def read_reply(connection: socket.socket) -> Reply:
    """Raises OSError where the connection ends before the answer does."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", "0")):
        body += _more(connection)
    return Reply(int(lines[0].split(" ")[1]), headers, body)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the connection ended before the answer did")
    return data


def faults_of(reply: Reply, named: str | None = None) -> list[str]:
    """What is wrong with an answer whatever was asked: a 5xx, a hang, or a 4xx that does not say field, expectation and what came."""
    if reply.status == 0:
        return [f"no answer: {reply.body.decode()}"]
    if reply.status >= 500:
        return [f"status {reply.status}: {reply.body[:300].decode(errors='replace')}"]
    if reply.status < 400 or reply.status == 429:
        return []
    try:
        body = json.loads(reply.body)
        error, field = body["error"], body["field"]
    except (ValueError, KeyError, TypeError):
        return [f"status {reply.status} whose body is not our error: {reply.body[:200]!r}"]
    problems = [] if isinstance(field, str) and field and body.get("request_id") else [f"status {reply.status} names no field: {error}"]
    if not error.startswith(f"{field}: expected"):
        problems.append(f"status {reply.status} does not begin with its field and the expectation: {error[:200]}")
    if ", got " not in error:
        problems.append(f"status {reply.status} does not say what came: {error[:200]}")
    if any(ord(character) < 32 for character in error) or len(error) > 2_000:
        problems.append(f"status {reply.status} repeats what should not be logged: {error[:100]!r}")
    if named is not None and field != named:
        problems.append(f"status {reply.status} names {field!r}, expected {named!r}: {error[:200]}")
    return problems
