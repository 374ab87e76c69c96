"""What of the cluster's bed can be tested without one: it says at once what it needs, and adapts KServe's chart."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

BED = Path("tests/cluster/bed")
NOBODY = 65534


def adapted(tmp_path: Path, *objects: dict[str, Any]) -> list[dict[str, Any]]:
    (tmp_path / "ca.crt").write_text("the authority")
    program = [sys.executable, str(BED / "addons/kserve/adapt.py"), str(tmp_path / "ca.crt")]
    done = subprocess.run(program, input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def test_the_bed_says_at_once_that_it_needs_root() -> None:
    done = subprocess.run(
        ["bash", "-s"],
        input=(BED / "requirements.sh").read_text(),
        capture_output=True,
        text=True,
        check=False,
        user=NOBODY if os.geteuid() == 0 else None,
    )
    assert done.returncode == 1
    assert "the bed needs root" in done.stderr
    assert "KUBECONFIG" in done.stderr


@pytest.mark.parametrize("script", sorted(BED.glob("*.sh")), ids=lambda script: script.name)
def test_a_script_of_the_bed_is_whole_and_may_be_run(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK) != (script.name == "versions.sh")


def test_every_webhook_of_kserve_trusts_the_beds_authority(tmp_path: Path) -> None:
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "webhooks": [{"name": "a", "clientConfig": {"caBundle": "Cg=="}}, {"name": "b", "clientConfig": {}}],
    }
    (found,) = adapted(tmp_path, webhook)
    assert {base64.b64decode(one["clientConfig"]["caBundle"]) for one in found["webhooks"]} == {b"the authority"}


def test_of_kserves_controller_only_its_own_container_is_run(tmp_path: Path) -> None:
    containers = [{"name": "kube-rbac-proxy"}, {"name": "manager", "command": ["/manager"], "readinessProbe": {"initialDelaySeconds": 30}}]
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}}
    (found,) = adapted(tmp_path, deployment)
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["command"]) == ("manager", ["/kserve-controller"])


def test_what_waits_for_cert_manager_is_left_out(tmp_path: Path) -> None:
    assert adapted(tmp_path, {"apiVersion": "cert-manager.io/v1", "kind": "Issuer"}, {"apiVersion": "v1", "kind": "Secret"}) == []
