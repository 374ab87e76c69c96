"""A Redis URL as the connection string that Feast parses, with timeouts and with every character escaped."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

from inference_graph.errors import InvalidConfiguration


def feast_connection_string(url: str, timeout: float) -> str:
    """`host:port,name=value,...`; Feast splits it at commas and reads each value as JSON. `timeout` in seconds, per socket."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or ":" in parts.hostname:
        expected = "redis://[user:password@]host:port[/db] or rediss://..., the host by name or IPv4 address"
        raise InvalidConfiguration(f"REDIS_URL: expected {expected}, got scheme {parts.scheme!r} and host {parts.hostname!r}")
    options: dict[str, str | float | bool] = dict(parse_qsl(parts.query))
    options |= {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if parts.username:
        options["username"] = unquote(parts.username)
    if parts.password:
        options["password"] = unquote(parts.password)
    if parts.path.strip("/"):
        options["db"] = int(parts.path.strip("/"))
    if parts.scheme == "rediss":
        options["ssl"] = True
    return ",".join([f"{parts.hostname}:{parts.port or 6379}", *(f"{name}={_escaped(value)}" for name, value in options.items())])


def _escaped(value: str | float | bool) -> str:
    """JSON without the characters that end a value in Feast's format or in a quoted YAML string."""
    text = json.dumps(value)
    return text.replace(",", "\\u002c").replace("'", "\\u0027").replace("$", "\\u0024") if isinstance(value, str) else text
