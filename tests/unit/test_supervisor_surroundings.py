"""What `up` finds out before it starts anything: ports, the embedded Redis, the lock, what is prepared, whom to ask."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from inference_graph.errors import InvalidConfiguration
from inference_graph.local import ports, redis_server, up_file
from inference_graph.local.first_user import middling_user
from inference_graph.local.preparation import is_prepared, mark_prepared, require_data, write_graph
from inference_graph.local.readiness import model_answers, redis_answers, transformer_answers
from inference_graph.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "workspace")
    made.data.mkdir(parents=True)
    describe(made)
    return made


def describe(workspace: Workspace, **more: object) -> None:
    description = {"kind": "ratings", "seen": {"mode": "ever", "within_days": None}, "newest": 0.0, **more}
    (workspace.data / "dataset.json").write_text(json.dumps(description))


def test_a_taken_port_is_named_with_a_free_one():
    with socket.create_server((ports.HOST, 0)) as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(InvalidConfiguration, match=rf"port {taken} on 127.0.0.1 is taken: .* PORT=\d+") as raised:
            ports.require_free(taken)
    other = int(str(raised.value).rpartition("=")[2])
    ports.require_free(other)


def test_a_port_that_needs_root_is_said_to(monkeypatch):
    monkeypatch.setattr(ports, "_bind_error", lambda port: errno.EACCES)
    with pytest.raises(InvalidConfiguration, match="port 80 may not be used by an ordinary user"):
        ports.require_free(80)


def test_free_ports_differ_and_are_below_those_of_outgoing_connections():
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert all(port in ports.CHOICE for port in found)


def test_without_the_packages_of_the_embedded_redis_the_error_names_redis_url(monkeypatch, tmp_path):
    monkeypatch.setattr(redis_server, "find_spec", lambda package: None)
    with pytest.raises(InvalidConfiguration, match=r"linux-x86_64 only.*set REDIS_URL"):
        redis_server.redis_command(tmp_path, 1)


def test_the_embedded_redis_listens_on_loopback_and_syncs_every_write(tmp_path):
    command = " ".join(redis_server.redis_command(tmp_path, 7000))
    assert "--bind 127.0.0.1" in command
    assert "--appendonly yes --appendfsync always" in command
    assert f"--dir {tmp_path}" in command
    assert "redisearch.so" in command


def test_what_is_not_there_does_not_answer():
    [port] = ports.free_ports(1)
    assert not redis_answers(port)
    assert not model_answers(port, "ranking")
    assert not transformer_answers(port)


def test_the_lock_keeps_a_second_one_out_until_the_first_is_gone(tmp_path):
    refused = pytest.raises(InvalidConfiguration, match=rf"pid {os.getpid()}, port 8080")
    with up_file.only_one(tmp_path, 8080), refused, up_file.only_one(tmp_path, 8081):
        raise AssertionError("two at once")
    with up_file.only_one(tmp_path, 8081):
        assert (tmp_path / "up.lock").read_text() == f"pid {os.getpid()}, port 8081\n"


def test_what_runs_is_what_holds_the_lock(tmp_path):
    assert not up_file.runs(tmp_path)
    with up_file.only_one(tmp_path, 8080):
        assert up_file.runs(tmp_path)
    assert not up_file.runs(tmp_path)


def test_prepared_lasts_until_data_settings_or_a_step_change(workspace, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    write_graph(workspace)
    for name in ("retrieval", "ranking"):
        (workspace.models / name).mkdir(parents=True)
    changes = [
        lambda: (data / "ratings.csv").write_text("more"),
        lambda: (workspace.root / "steps" / "train.json").write_text("{}"),
        lambda: monkeypatch.setenv("SNAPSHOT_STORE", "s3://bucket/snapshots"),
    ]
    for change in changes:
        mark_prepared(workspace, data, None)
        assert is_prepared(workspace, data, None)
        assert not is_prepared(workspace, data, "redis://elsewhere:6379")
        change()
        assert not is_prepared(workspace, data, None)


def test_the_default_graph_follows_the_data_until_somebody_edits_it(workspace):
    write_graph(workspace)
    assert "clock: data" in workspace.graph.read_text()
    describe(workspace, seen={"mode": "off", "within_days": None})
    write_graph(workspace)
    assert "kind: seen, mode: off" in workspace.graph.read_text()
    edited = workspace.graph.read_text() + "# mine\n"
    workspace.graph.write_text(edited)
    describe(workspace)
    write_graph(workspace)
    assert workspace.graph.read_text() == edited


def test_a_data_folder_that_is_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(InvalidConfiguration, match="is not a folder"):
        require_data(tmp_path / "data")


def test_the_first_recommendation_is_for_the_user_with_the_median_history(tmp_path):
    pyarrow.parquet.write_table(pyarrow.table({"user_id": ["c", "c", "c", "a", "b", "b"]}), tmp_path / "interactions.parquet")
    assert middling_user(tmp_path / "interactions.parquet") == "b"
