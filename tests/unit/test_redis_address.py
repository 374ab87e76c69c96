"""Redis's address and the credentials that are kept apart from it become one, whatever the password holds."""

from __future__ import annotations

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.clients.feast_address import feast_connection_string
from inference_graph.errors import InvalidConfiguration
from inference_graph.redis_address import full_address
from inference_graph.settings import Settings


def options(url: str) -> dict[str, object]:
    return redis.ConnectionPool.from_url(url).connection_kwargs


@given(password=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_any_password_is_read_back_by_redis(password: str) -> None:
    url = full_address("redis://old:secret@host:6380/2", {"REDIS_USERNAME": "shop", "REDIS_PASSWORD": password})
    expected = {"host": "host", "port": 6380, "db": 2, "username": "shop", "password": password}
    assert options(url).items() >= expected.items()


def test_a_password_with_what_separates_feasts_options_reaches_feast() -> None:
    url = full_address("redis://host:6379/0", {"REDIS_PASSWORD": "a,b=c@d"})
    assert 'password="a\\u002cb=c@d"' in feast_connection_string(url, 1.0)


def test_authorities_go_with_tls_alone() -> None:
    assert options(full_address("rediss://host", {"REDIS_CA": "/etc/ca.crt"}))["ssl_ca_certs"] == "/etc/ca.crt"
    with pytest.raises(InvalidConfiguration, match="REDIS_CA: expected a rediss:// address"):
        full_address("redis://host", {"REDIS_CA": "/etc/ca.crt"})


def test_a_user_without_a_password_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match="REDIS_USERNAME"):
        full_address("redis://host", {"REDIS_USERNAME": "shop"})


def test_an_address_alone_stays_as_it_is() -> None:
    assert full_address("redis://user:p%40ss@host:6379/1?x=1", {}) == "redis://user:p%40ss@host:6379/1?x=1"


def test_settings_take_the_credentials_of_the_environment() -> None:
    given = {
        "GRAPH": "g", "REDIS_URL": "redis://host:6379/0", "REDIS_PASSWORD": "p@", "RETRIEVAL_TARGET": "a", "RANKING_TARGET": "b",
        "SNAPSHOT_STORE": "s", "FEATURE_REGISTRY": "r", "FEATURE_PROJECT": "p",
    }
    assert Settings.from_environment(given).redis_url == "redis://:p%40@host:6379/0"
