"""A Redis URL survives Feast's format, whatever its password holds."""

from __future__ import annotations

import os

import pytest
import yaml
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.clients.feast_address import feast_connection_string
from inference_graph.errors import InvalidConfiguration


def parsed(text: str) -> tuple[list[dict[str, str]], dict[str, object]]:
    return RedisOnlineStore._parse_connection_string(text)


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_password_is_read_back_by_feast_and_through_yaml(password: str) -> None:
    quoted = "".join(f"%{ord(character):02X}" for character in password)
    text = feast_connection_string(f"redis://user:{quoted}@host:6380/2", 0.5)
    through_yaml = yaml.safe_load(os.path.expandvars(f"connection: '{text}'"))["connection"]
    for connection in (text, through_yaml):
        nodes, options = parsed(connection)
        assert nodes == [{"host": "host", "port": "6380"}]
        expected = {"username": "user", "password": password, "db": 2, "socket_timeout": 0.5, "socket_connect_timeout": 0.5}
        assert options == expected


def test_tls_and_the_usual_port() -> None:
    nodes, options = parsed(feast_connection_string("rediss://cache", 1.0))
    assert (nodes, options["ssl"]) == ([{"host": "cache", "port": "6379"}], True)


@pytest.mark.parametrize("url", ["unix:///run/redis", "http://host", "redis://[::1]:6379", ""])
def test_what_feast_cannot_reach_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfiguration, match="REDIS_URL"):
        feast_connection_string(url, 1.0)
