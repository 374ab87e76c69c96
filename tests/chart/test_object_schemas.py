"""Every object is one that Kubernetes, KServe, the Gateway API and the Prometheus operator know, to the last field."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from object_schemas import TEMPLATE, write_schemas
from rendered_chart import EVERYTHING, ROOT, Chart, Rendered, one, tool

SOURCES = ROOT / ".cache" / "schemas"
OPERATOR = {"podMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
DOMAIN = {
    "default": {},
    "everything": {**EVERYTHING, "monitoring": OPERATOR},
    "secrets": {
        "redis": {"existingSecret": "login", "tls": {"enabled": True, "ca": True}},
        "expose": {"kind": "ingress", "host": "a.example.com", "tlsSecret": "certificate"},
        "refresh": {"data": {"existingClaim": "films"}},
    },
    "keda": {"autoscaling": {"class": "keda", "keda": {"serverAddress": "http://prometheus:9090"}}},
    "pods": {
        "podDefaults": {
            "nodeSelector": {"pool": "serving"},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
            "extraEnv": [{"name": "A", "value": "1"}],
            "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "podAnnotations": {"a": "b"},
            "podLabels": {"team": "shop"},
        },
        "global": {"imagePullSecrets": [{"name": "pull"}]},
        "networkPolicy": {"egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]},
    },
}


def judged(objects: Rendered, folder: Path) -> subprocess.CompletedProcess[str]:
    if not (SOURCES / "swagger.json").exists():
        pytest.skip("the descriptions of objects are not here: `make chart-tools` fetches them where Go is installed")
    write_schemas(SOURCES, {(found["apiVersion"], found["kind"]) for found in objects}, folder)
    command = [tool("kubeconform"), "-strict", "-schema-location", f"{folder}/{TEMPLATE}", "-"]
    return subprocess.run(command, input=yaml.safe_dump_all(objects), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", DOMAIN)
def test_every_object_is_known_to_the_last_field(chart: Chart, tmp_path: Path, name: str) -> None:
    run = judged(chart.render(DOMAIN[name]), tmp_path)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
def test_every_object_of_an_overlay_too(tmp_path: Path, overlay: str) -> None:
    command = [tool("kustomize"), "build", str(ROOT / "kustomize/overlays" / overlay)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    run = judged(list(yaml.load_all(built, yaml.CSafeLoader)), tmp_path)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("InferenceService", "recommender", ["spec", "transformer"]),
        ("ServingRuntime", "recommender-tf-serving", ["spec"]),
        ("CronJob", "recommender-refresh", ["spec", "jobTemplate", "spec"]),
    ],
)
def test_a_field_that_is_not_known_is_found(chart: Chart, tmp_path: Path, kind: str, name: str, path: list[str]) -> None:
    wrong: dict[str, Any] = copy.deepcopy(one(chart.render(), kind, name))
    part = wrong
    for key in path:
        part = part[key]
    part["replicaCount"] = 3
    run = judged([wrong], tmp_path)
    assert "replicaCount" in run.stdout
