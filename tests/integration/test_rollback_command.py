"""`inference-graph rollback`: to the last revision that worked, by Helm alone, and watched until it is healthy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_kubernetes import FakeKubernetes, fake_helm, helm_secret, reached
from recorded_cluster import RELEASE, healthy_cluster, manifest, record

from inference_graph.cli.main import run


def revision(number: int, status: str, description: str, **changes: object) -> dict[str, object]:
    """Each with a manifest of its own."""
    return helm_secret(
        record(number, status, description, manifest=[*manifest(), {**manifest()[2], "data": {"n": str(number)}}], **changes)
    )


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    with reached(healthy_cluster(), tmp_path, monkeypatch) as fake:
        yield fake
    assert fake.writes == []


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fake_helm(tmp_path, monkeypatch)


def test_it_goes_back_to_the_newest_revision_that_was_tested(cluster, calls, capsys):
    cluster.put(
        revision(1, "superseded", "Install complete", tested="Succeeded"),
        revision(2, "superseded", "Upgrade complete", tested="Succeeded"),
        revision(3, "superseded", "Upgrade complete"),
        revision(4, "failed", "timed out"),
        revision(5, "superseded", "Upgrade complete", tested="Failed"),
        revision(6, "deployed", "Upgrade complete"),
    )
    assert run(["rollback"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "passed over revision 5: helm test failed on it",
        "passed over revision 4: failed (timed out)",
        "passed over revision 3: no helm test was run on it",
        f"revision 2 of {RELEASE} (Upgrade complete): helm test passed on it",
        f"{RELEASE} is healthy, as in revision 2",
    ]
    assert calls.read_text() == f"rollback {RELEASE} 2 --timeout 600s --namespace shop --kube-context fake\n"


def test_without_any_test_it_takes_the_newest_that_nobody_left(cluster, calls, capsys):
    cluster.put(
        revision(1, "superseded", "Install complete"),
        revision(2, "superseded", "Upgrade complete"),
        revision(3, "superseded", "Upgrade complete"),
        helm_secret({**record(4, "deployed", "Rollback to 2"), "manifest": "---\n{}\n"}),
    )
    assert run(["rollback", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["revision"] == 2
    assert found["passed_over"] == ["revision 3: somebody rolled back from it"]
    assert found["done"] is False
    assert not calls.exists()


def test_what_runs_now_is_no_way_back(cluster, calls, capsys):
    cluster.put(
        helm_secret(record(1, "superseded", "Install complete")),
        helm_secret(record(2, "deployed", "Upgrade complete")),
    )
    assert run(["rollback"]) == 1
    expected = f"error: no earlier revision of {RELEASE} was healthy: revision 1: it is what runs now\n"
    assert capsys.readouterr().err == expected


def test_a_revision_can_be_chosen(cluster, calls, capsys):
    cluster.put(revision(1, "failed", "Install failed"), revision(2, "deployed", "Upgrade complete"))
    assert run(["rollback", "--to", "1"]) == 0
    assert calls.read_text().startswith(f"rollback {RELEASE} 1 ")
    assert run(["rollback", "--to", "7"]) == 1
    assert capsys.readouterr().err.endswith("revision 7 of recommender is not kept; earlier ones are: 1\n")


def test_a_rollback_that_does_not_become_healthy_says_why(cluster, calls, capsys):
    cluster.put(revision(1, "superseded", "Install complete"), revision(2, "deployed", "Upgrade complete"))
    cluster.get("Deployment", f"{RELEASE}-predictor")["status"]["readyReplicas"] = 1
    assert run(["rollback", "--seconds", "1"]) == 1
    expected = f"error: release {RELEASE} was not healthy within 1 s: {RELEASE}-predictor: 1 of 2 pods are ready\n"
    assert capsys.readouterr().err == expected


def test_helms_own_words_are_the_error(cluster, tmp_path, monkeypatch, capsys):
    calls = fake_helm(tmp_path, monkeypatch)
    (calls.parent / "bin" / "helm").write_text("#!/bin/sh\necho 'Error: another operation is in progress' >&2\nexit 1\n")
    cluster.put(revision(1, "superseded", "Install complete"), revision(2, "deployed", "Upgrade complete"))
    assert run(["rollback"]) == 1
    assert capsys.readouterr().err == "error: helm rollback failed: Error: another operation is in progress\n"


def test_without_helm_the_error_names_it(cluster, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    cluster.put(revision(1, "superseded", "Install complete"), revision(2, "deployed", "Upgrade complete"))
    assert run(["rollback"]) == 1
    assert "the program helm" in capsys.readouterr().err


def test_a_release_that_helm_does_not_know_is_an_error(cluster, capsys):
    assert run(["rollback", "other"]) == 1
    assert capsys.readouterr().err == "error: Helm knows no such release in this namespace\n"
