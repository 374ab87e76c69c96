"""`block` and `unblock` as a person runs them, against a real Redis."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from inference_graph.cli.main import run
from inference_graph.clients.redis_connection import open_redis
from inference_graph.clients.user_events import UserEvents


@pytest.fixture
def environment(redis_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    monkeypatch.setenv("REDIS_PREFIX", "shop")


async def blocked(url: str) -> set[str]:
    store = UserEvents(open_redis(url, timeout=10.0), "shop")
    try:
        return set((await store.read(None)).blocked)
    finally:
        await store.close()


@pytest.mark.usefixtures("environment")
async def test_items_are_blocked_and_allowed_again(redis_server: Any, capsys: pytest.CaptureFixture[str]) -> None:


    async def command(*words: str) -> str:
        assert await asyncio.to_thread(run, list(words)) == 0
        return capsys.readouterr().out

    assert json.loads(await command("block", "318", "50", "--json")) == {"blocked": 2, "unchanged": 0}
    assert await blocked(redis_server.url) == {"318", "50"}
    assert await command("block", "318") == "0 items blocked, 1 already were\n"
    assert await command("unblock", "318") == "1 item unblocked\n"
    assert await blocked(redis_server.url) == {"50"}


@pytest.mark.usefixtures("environment")
def test_without_redis_the_command_says_so_in_one_line(redis_server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    redis_server.kill()
    assert run(["block", "318"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: Redis, changing the blocked items: ")


def test_without_a_data_set_the_command_says_what_to_do(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFERENCE_GRAPH_HOME", str(tmp_path))
    monkeypatch.delenv("REDIS_PREFIX", raising=False)
    assert run(["block", "318"]) == 1
    assert "data prepare" in capsys.readouterr().err
