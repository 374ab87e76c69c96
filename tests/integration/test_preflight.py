"""`inference-graph status --preflight`: what an install would lack, before it is tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fake_kubernetes import FakeKubernetes, reached
from recorded_cluster import healthy_cluster

from inference_graph.cli.main import run


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    with reached(healthy_cluster(), tmp_path, monkeypatch) as fake:
        yield fake
    assert fake.writes == []


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[bool | None, str]]:
    code = run(["status", "--preflight", "--json", *arguments])
    result = json.loads(capsys.readouterr().out)
    assert code == (0 if result["ready"] else 1)
    assert result["ready"] == all(finding["fine"] is not False for finding in result["findings"])
    return {finding["subject"]: (finding["fine"], finding["words"]) for finding in result["findings"]}


def secret(name: str, *keys: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": dict.fromkeys(keys, "c2VjcmV0")}


def claim(name: str, mode: str, phase: str = "Bound") -> dict[str, object]:
    metadata = {"name": name, "namespace": "shop"}
    body = {"spec": {"accessModes": [mode]}, "status": {"phase": phase}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, **body}


def with_values(folder: Path, **values: object) -> tuple[str, str]:
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    return "--values", str(folder / "values.yaml")


def test_a_cluster_that_has_everything_is_ready(cluster, capsys):
    findings = found(capsys)
    assert {fine for fine, _ in findings.values()} == {True}
    assert findings["Kubernetes"][1] == "v1.34.4"
    assert findings["KServe's controller"][1] == "0.20"
    assert findings["storage class"][1] == "standard is the default"


def test_people_read_the_findings_as_a_list(cluster, capsys):
    assert run(["status", "--preflight"]) == 0
    assert "metrics-server" in capsys.readouterr().out


def test_an_old_kubernetes_and_an_old_kserve_are_refused(cluster, capsys):
    cluster.version = {"major": "1", "minor": "29+", "gitVersion": "v1.29.3-gke.1"}
    controller = cluster.get("Deployment", "kserve-controller-manager")
    controller["spec"]["template"]["spec"]["containers"][1]["image"] = "kserve/kserve-controller:v0.15.2"
    findings = found(capsys)
    assert findings["Kubernetes"] == (False, "v1.29.3-gke.1; the chart needs 1.30 or newer")
    assert findings["KServe's controller"] == (False, "0.15; the chart needs 0.16 or newer")


def test_a_cluster_without_kserve_says_what_to_install(cluster, capsys):
    del cluster.kinds["serving.kserve.io/v1beta1"], cluster.kinds["serving.kserve.io/v1alpha1"]
    cluster.objects = {path: one for path, one in cluster.objects.items() if "kserve" not in path}
    fine, words = found(capsys)["KServe"]
    assert fine is False
    assert words.startswith("no InferenceService and no ServingRuntime: install KServe's CRDs")


def test_crds_without_a_controller_are_not_enough(cluster, capsys):
    cluster.remove("Deployment", "kserve-controller-manager")
    fine, words = found(capsys)["KServe's controller"]
    assert fine is False
    assert "install KServe itself" in words


def test_a_controller_without_a_ready_pod_is_refused(cluster, capsys):
    cluster.get("Deployment", "kserve-controller-manager")["status"] = {"readyReplicas": 0}
    fine, words = found(capsys)["KServe's controller"]
    assert fine is False
    assert "has no ready pod" in words


def test_metrics_server_must_answer(cluster, capsys):
    service = cluster.get("APIService", "v1beta1.metrics.k8s.io")
    service["status"]["conditions"] = [{"type": "Available", "status": "False", "message": "no endpoints"}]
    assert found(capsys)["metrics-server"] == (False, "does not answer: no endpoints")
    cluster.remove("APIService", "v1beta1.metrics.k8s.io")
    assert found(capsys)["metrics-server"][0] is False


def test_no_default_storage_class_and_no_namespace_are_warnings(cluster, capsys):
    del cluster.get("StorageClass", "standard")["metadata"]["annotations"]
    cluster.remove("Namespace", "shop")
    findings = found(capsys)
    assert findings["storage class"][0] is None
    assert "there are: standard" in findings["storage class"][1]
    assert findings["namespace"][0] is None


def test_what_one_may_not_look_at_is_left_open(cluster, capsys):
    cluster.refused += ["/apis/apps/v1/deployments"]
    fine, words = found(capsys)["KServe"]
    assert fine is None
    assert "could not be looked at" in words


def test_secrets_that_values_name_must_be_there_with_their_keys(cluster, capsys, tmp_path):
    cluster.put(secret("s3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), secret("redis", "username"))
    values = {"s3": {"existingSecret": "s3"}, "redis": {"existingSecret": "redis", "tls": {"ca": True}}}
    pull = {"global": {"imagePullSecrets": [{"name": "registry"}]}}
    findings = found(capsys, *with_values(tmp_path, **values, **pull))
    assert findings["s3.existingSecret"] == (True, "Secret s3")
    assert findings["redis.existingSecret"] == (False, "Secret redis has no ca.crt, no password")
    assert findings["global.imagePullSecrets"] == (False, "Secret registry is not in namespace shop")


def test_claims_that_several_nodes_read_must_allow_it(cluster, capsys, tmp_path):
    cluster.put(claim("models", "ReadWriteOnce"), claim("state", "ReadWriteMany"), claim("work", "ReadWriteOnce", "Pending"))
    values = {
        "ranking": {"storageUri": "pvc://models/ranking/1"},
        "retrieval": {"storageUri": "pvc://gone/retrieval/1"},
        "snapshot": {"claim": "state"},
        "refresh": {"workspace": {"existingClaim": "work"}},
    }
    findings = found(capsys, *with_values(tmp_path, **values))
    assert findings["ranking.storageUri"][0] is False
    assert findings["ranking.storageUri"][1].startswith("claim models is ReadWriteOnce: ")
    assert findings["retrieval.storageUri"] == (False, "PersistentVolumeClaim gone is not in namespace shop")
    assert findings["snapshot.claim"] == (True, "claim state is Bound")
    assert findings["refresh.workspace.existingClaim"] == (None, "claim work is Pending")


def test_an_option_without_its_api_is_refused(cluster, capsys, tmp_path):
    values = {"autoscaling": {"class": "keda"}, "expose": {"kind": "httpRoute"}, "monitoring": {"podMonitor": {"enabled": False}}}
    findings = found(capsys, *with_values(tmp_path, **values))
    assert findings["autoscaling.class"] == (False, "the cluster does not know keda.sh/v1alpha1: install KEDA")
    assert findings["expose.kind"][0] is False
    assert "monitoring.podMonitor.enabled" not in findings


def test_values_without_preflight_and_values_that_are_no_map_are_errors(cluster, capsys, tmp_path):
    (tmp_path / "list.yaml").write_text("- a\n")
    assert run(["status", "--values", str(tmp_path / "list.yaml")]) == 2
    assert "--values belongs to --preflight" in capsys.readouterr().err
    assert run(["status", "--preflight", "--values", str(tmp_path / "list.yaml")]) == 1
    assert capsys.readouterr().err.endswith("expected a map of values, got list\n")
