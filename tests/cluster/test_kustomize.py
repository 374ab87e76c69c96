"""The overlay for those without Helm is accepted by the real API server and webhooks, and applying it again changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster.commands import found, run, wait_for
from cluster.figures import figure
from cluster.release import ROOT

pytestmark = pytest.mark.aside

NAMESPACE = "recommender-kustomize"
KINDS = "inferenceservices,servingruntimes,services,configmaps,serviceaccounts,cronjobs,poddisruptionbudgets,networkpolicies"
MADE_BY_KSERVE = "serving.kserve.io/inferenceservice"


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """One of a user's own over `local`, whose namespace enforces `restricted`: another namespace. Goes with all that was made of it."""
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    mine = tmp_path / "kustomize" / "overlays" / "mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": NAMESPACE, "resources": ["../local"]}))
    yield mine
    run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=300s", seconds=310)


def test_applying_the_local_overlay_twice_changes_nothing_the_second_time(overlay: Path) -> None:
    first = run("kubectl", "apply", "--kustomize", str(overlay)).splitlines()
    wait_for(lambda: len(found(NAMESPACE, "deployments", "--selector", MADE_BY_KSERVE)) == 3, "KServe's Deployments", 120)
    before = _generations()
    second = run("kubectl", "apply", "--kustomize", str(overlay)).splitlines()
    after = _generations()
    changed = sorted(name for name in before if after.get(name) != before[name])
    figure("`kubectl apply -k` of an overlay over `local`, twice", f"{len(first)} objects; the second time {len(changed)} changed")
    assert (len(second), changed) == (len(first), [])
    refused = [event["message"] for event in found(NAMESPACE, "events") if "violates PodSecurity" in event.get("message", "")]
    assert refused == []


def _generations() -> dict[str, str]:
    """Of each object what counts its changes: kubectl says `configured` also where it sends a default that nobody stores."""
    counted = {f"{one['kind']}/{one['metadata']['name']}": one["metadata"] for one in found(NAMESPACE, KINDS)}
    return {name: str(metadata.get("generation", metadata["resourceVersion"])) for name, metadata in counted.items()}
