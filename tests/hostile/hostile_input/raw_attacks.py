"""Attacks below HTTP's requests: heads without end, slow heads and bodies, chunks that are none, connections that say nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from hostile_input.attacks import PREDICT
from hostile_input.sending import ANSWER_SECONDS, Reply, Sender, faults_of, read_reply

POST = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def raw_attacks(host: str, port: int) -> Mapping[str, Callable[[], list[str]]]:
    """Each by name; called, it says what was wrong with the server's behaviour."""

    def once(expected: int, *parts: bytes) -> Callable[[], list[str]]:
        return lambda: _ask(host, port, expected, *parts)

    chunked = f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode()
    return {
        "a TLS hello": once(400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        "HTTP/2 without asking": once(400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        "an unknown version": once(400, b"GET / HTTP/7.7\r\n\r\n"),
        "10 MB of headers": once(431, b"GET / HTTP/1.1\r\n", *[b"X: " + b"a" * 1_000_000] * 10),
        "100,000 headers": once(431, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000),
        "a path of 1 MB": once(431, b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n"),
        "a header that is none": once(400, b"GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        "two lengths": once(400, f"{POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab".encode()),
        "a length and chunks": once(400, f"{POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()),
        "a negative length": once(400, f"{POST}Content-Length: -5\r\n\r\n".encode()),
        "a length of 30 digits": once(400, f"{POST}Content-Length: {'9' * 30}\r\n\r\n".encode()),
        "a length of a terabyte": once(413, f"{POST}Content-Length: {10**12}\r\n\r\n".encode()),
        "a chunk of no size": once(400, chunked + b"xyz\r\nabc\r\n0\r\n\r\n"),
        "a chunk of a huge size": once(400, chunked + b"fffffffffffffffff\r\nabc\r\n"),
        "a chunk that goes on": once(400, chunked + b"3\r\nabcdef\r\n0\r\n\r\n"),
        "10 MB in chunks": once(413, chunked, *[b"f4240\r\n" + b"a" * 1_000_000 + b"\r\n"] * 10),
        "a body that ends early": lambda: _half_closed(host, port),
        "a body that never comes": lambda: _slow(host, port, f"{POST}Content-Length: 100\r\n\r\n".encode(), b""),
        "a body of one byte a second": lambda: _slow(host, port, f"{POST}Content-Length: 1000\r\n\r\n".encode(), b" "),
        "a head of one byte a second": lambda: _slow(host, port, b"GET / HTTP/1.1\r\nX-A: ", b"a"),
        "200 silent connections": lambda: _silent(host, port),
    }


def _ask(host: str, port: int, expected: int, *parts: bytes) -> list[str]:
    with closing(Sender(host, port)) as sender:
        return _expect(expected, sender.exchange(*parts))


def _expect(status: int, reply: Reply) -> list[str]:
    wrong = [] if reply.status in (status, 0) else [f"status {reply.status}, expected {status}: {reply.body[:200]!r}"]
    return [*wrong, *faults_of(reply)]


def _half_closed(host: str, port: int) -> list[str]:
    """Nothing need be answered to who is gone; the server must only not be harmed."""
    with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
        connection.sendall(f'{POST}Content-Length: 100\r\n\r\n{{"instances'.encode())
        connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            return [fault for fault in faults_of(read_reply(connection)) if "5" in fault.split()[1][:1]]
    return []


def _slow(host: str, port: int, start: bytes, drop: bytes) -> list[str]:
    """Must be answered 408 before a patient client gives up."""
    started = time.monotonic()
    with socket.create_connection((host, port), 1.0) as connection:
        connection.sendall(start)
        while time.monotonic() - started < ANSWER_SECONDS:
            try:
                return _expect(408, read_reply(connection))
            except TimeoutError:
                with suppress(ConnectionError):
                    connection.sendall(drop)
            except OSError as error:
                return [f"no answer: {error!r}"]
    return [f"no answer within {ANSWER_SECONDS:.0f} s"]


def _silent(host: str, port: int) -> list[str]:
    """They keep nobody out."""
    connections = [socket.create_connection((host, port), ANSWER_SECONDS) for _ in range(200)]
    try:
        return _ask(host, port, 200, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    finally:
        for connection in connections:
            connection.close()
