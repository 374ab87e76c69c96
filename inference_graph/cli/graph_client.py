"""Asks a running inference graph over HTTP, for the commands that show its answers."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer

from inference_graph.errors import DependencyBadResponse, DependencyTimeout, DependencyUnavailable, InvalidConfiguration
from inference_graph.workspace import home

HOW_TO_START = "start it with `make run` or `inference-graph up`, or name one with --url"
SECONDS = 10.0

Url = Annotated[str | None, typer.Option(envvar="INFERENCE_GRAPH_URL", help="Where the graph is; by default the one that `up` runs here.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def ask(url: str | None, verb: str, instance: dict[str, Any]) -> dict[str, Any]:
    """The one prediction for one instance; `verb` is predict or explain. Raises a DependencyError that says what to do."""
    where = (url or _running()).rstrip("/")
    address = f"{where}/v1/models/recommender:{verb}"
    try:
        with httpx.Client(timeout=SECONDS, trust_env=urlsplit(where).hostname not in ("127.0.0.1", "localhost", "::1")) as client:
            reply = client.post(address, json={"instances": [instance]})
    except httpx.TimeoutException as error:
        raise DependencyTimeout(f"{where} did not answer within {SECONDS:.0f} s: is it overloaded?") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DependencyUnavailable(f"no inference graph answers at {where} ({error}): {HOW_TO_START}") from error
    return _prediction(reply, where)


def _prediction(reply: httpx.Response, where: str) -> dict[str, Any]:
    try:
        body = reply.json()
        if reply.status_code != 200:
            raise DependencyBadResponse(f"{where} answered {reply.status_code}: {body['error']}")
        prediction: dict[str, Any] = body["predictions"][0]
    except (ValueError, LookupError, TypeError) as error:
        came = f"{reply.status_code} {reply.text[:200]!r}"
        raise DependencyBadResponse(f"{where} does not answer as an inference graph does: {came}") from error
    return prediction


def _running() -> str:
    """The address in up.json. Raises InvalidConfiguration where nothing runs."""
    try:
        return str(json.loads((home() / "up.json").read_text())["url"])
    except (OSError, ValueError, LookupError) as error:
        raise InvalidConfiguration(f"no inference graph runs here ({home()}): {HOW_TO_START}") from error
