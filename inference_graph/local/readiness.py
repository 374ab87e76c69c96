"""Does a process answer? One short question each; no answer is no error."""

from __future__ import annotations

import http.client
import json
import socket

from inference_graph.local.ports import HOST

ANSWER_SECONDS = 2.0


def redis_answers(port: int) -> bool:
    """True once it takes commands; while it loads its file it answers with an error."""
    try:
        with socket.create_connection((HOST, port), ANSWER_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def model_answers(rest_port: int, name: str) -> bool:
    """True once a version of the model is AVAILABLE, as TF Serving's status route says."""
    status, body = _get(rest_port, f"/v1/models/{name}")
    try:
        versions = json.loads(body)["model_version_status"] if status == 200 else []
        return any(version["state"] == "AVAILABLE" for version in versions)
    except (ValueError, KeyError, TypeError):
        return False


def transformer_answers(port: int) -> bool:
    return _get(port, "/v1/models/recommender")[0] == 200


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; status 0 where nothing answers. Straight to the port, past any proxy that the environment names."""
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
