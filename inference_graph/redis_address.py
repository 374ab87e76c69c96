"""Redis's address, with the user, password and authorities that a cluster keeps apart from it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from inference_graph.errors import InvalidConfiguration


def full_address(url: str, environment: Mapping[str, str]) -> str:
    """`url` with REDIS_USERNAME and REDIS_PASSWORD instead of its own, and REDIS_CA, a file of authorities, for TLS.

    They are written as they are, not escaped for a URL. Raises InvalidConfiguration where they do not fit the address.
    """
    username, password, authorities = (environment.get(f"REDIS_{name}", "") for name in ("USERNAME", "PASSWORD", "CA"))
    parts = urlsplit(url)
    if username and not password:
        raise InvalidConfiguration("REDIS_USERNAME: expected with REDIS_PASSWORD, which is empty")
    if password:
        place = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{quote(username, safe='')}:{quote(password, safe='')}@{place}")
    if authorities:
        if parts.scheme != "rediss":
            raise InvalidConfiguration(f"REDIS_CA: expected a rediss:// address with it, REDIS_URL is {parts.scheme}://")
        parts = parts._replace(query="&".join(filter(None, (parts.query, urlencode({"ssl_ca_certs": authorities})))))
    return urlunsplit(parts)
