"""Every pod is of the `restricted` profile, runs as anybody, has no token, and no secret is where it could be read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from rendered_chart import EVERYTHING, ROOT, Chart, containers, environment, of_kind, one, pods

SECRETS: dict[str, Any] = {
    "redis": {"existingSecret": "redis-login", "tls": {"enabled": True, "ca": True}},
    "s3": {"existingSecret": "s3-keys"},
    "embeddings": {"url": "https://models.example.com/v1", "model": "small", "existingSecret": "embeddings-key"},
}
ALL_PODS = {"batch", "check", "grafana", "prometheus", "ranking", "redis", "refresh", "retrieval", "test", "transformer"}


def test_every_pod_is_of_the_restricted_profile(chart: Chart) -> None:
    seen = set()
    for where, metadata, spec in pods(chart.render(EVERYTHING)):
        seen.add(metadata["labels"]["app.kubernetes.io/component"])
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, where
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert security["runAsUser"] > 0, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where
        assert all({"configMap", "secret", "emptyDir", "persistentVolumeClaim"} & volume.keys() for volume in spec["volumes"]), where
        for container in containers(spec):
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, where
            assert own["capabilities"] == {"drop": ["ALL"]}, where
            assert own["readOnlyRootFilesystem"] is True, where
            assert "hostPort" not in json.dumps(container.get("ports", [])), where
    assert seen == ALL_PODS


def test_kserves_initializer_gets_from_the_pod_what_a_pod_can_say(chart: Chart) -> None:
    """The rest is the ClusterStorageContainer's: docs/install.md has the patch."""
    rendered = chart.render()
    for name in ("recommender", "recommender-retrieval"):
        security = one(rendered, "InferenceService", name)["spec"]["predictor"]["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    document = (ROOT / "docs/install.md").read_text()
    patch = json.loads(re.search(r"patch clusterstoragecontainer default --type merge -p '(.*)'", document)[1])  # type: ignore[index]
    assert patch["spec"]["container"]["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_null_leaves_user_and_group_to_the_cluster(chart: Chart) -> None:
    anybody = {"podDefaults": {"securityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}}
    text = chart.text({**EVERYTHING, **anybody})
    assert not [word for word in ("runAsUser", "runAsGroup", "fsGroup") if word in text]
    assert "runAsNonRoot: true" in text


def test_every_temporary_folder_is_bounded(chart: Chart) -> None:
    for where, _, spec in pods(chart.render(EVERYTHING)):
        for volume in spec["volumes"]:
            assert "emptyDir" not in volume or volume["emptyDir"]["sizeLimit"], where


def test_only_the_trial_prometheus_has_a_token_and_may_read_pods_here(chart: Chart) -> None:
    rendered = chart.render(EVERYTHING)
    with_token = {where for where, _, spec in pods(rendered) if spec["automountServiceAccountToken"]}
    assert with_token == {"Deployment/recommender-prometheus"}
    assert all(account["automountServiceAccountToken"] is False for account in of_kind(rendered, "ServiceAccount"))
    assert of_kind(rendered, "ClusterRole") == []
    (role,) = of_kind(rendered, "Role")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]


def test_secrets_come_by_reference_and_are_in_no_map_and_no_argument(chart: Chart) -> None:
    rendered = chart.render(SECRETS)
    assert of_kind(rendered, "Secret") == []
    for found in of_kind(rendered, "ConfigMap"):
        assert not [name for name in ("redis-login", "s3-keys", "embeddings-key") if name in json.dumps(found)]
    for where, _, spec in pods(rendered):
        for container in containers(spec):
            words = json.dumps([container.get("command"), container.get("args")])
            assert "$(" not in words, where
            for entry in container.get("env", []):
                assert "PASSWORD" not in entry["name"] or "secretKeyRef" in entry["valueFrom"], where


def test_redis_is_spoken_to_over_tls_with_the_authorities_of_the_secret(chart: Chart) -> None:
    rendered = chart.render(SECRETS)
    transformer = one(rendered, "InferenceService", "recommender")["spec"]["transformer"]
    values = environment(transformer["containers"][0])
    assert values["REDIS_URL"] == "rediss://redis:6379/0"
    assert values["REDIS_CA"] == "/etc/redis-ca/ca.crt"
    assert {"name": "redis-ca", "mountPath": "/etc/redis-ca", "readOnly": True} in transformer["containers"][0]["volumeMounts"]


@pytest.mark.parametrize("model", ["ranking", "retrieval"])
def test_model_servers_get_s3_through_their_account(chart: Chart, model: str) -> None:
    values = {"s3": {"existingSecret": "s3-keys", "endpoint": "http://minio:9000", "region": "eu-west-1"}}
    account = one(chart.render(values), "ServiceAccount", f"recommender-{model}")
    assert account["secrets"] == [{"name": "s3-keys"}]
    assert account["metadata"]["annotations"] == {
        "serving.kserve.io/s3-endpoint": "minio:9000",
        "serving.kserve.io/s3-region": "eu-west-1",
        "serving.kserve.io/s3-usehttps": "0",
    }


def test_a_workload_identity_needs_no_secret(chart: Chart) -> None:
    identity = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/models"}
    account = one(chart.render({"ranking": {"serviceAccount": {"annotations": identity}}}), "ServiceAccount", "recommender-ranking")
    assert account["metadata"]["annotations"].items() >= identity.items()
    assert "secrets" not in account


def test_only_refresh_may_write_where_the_transformer_reads(chart: Chart) -> None:
    for where, metadata, spec in pods(chart.render({"snapshot": {"claim": "store"}})):
        mounts = [mount for container in spec["containers"] for mount in container["volumeMounts"] if mount["name"] == "store"]
        assert all(mount["readOnly"] is (metadata["labels"]["app.kubernetes.io/component"] != "refresh") for mount in mounts), where


def test_the_trial_redis_with_a_password_is_refused(chart: Chart) -> None:
    values = {"trial": {"redis": {"enabled": True}}, "redis": {"existingSecret": "login"}}
    assert "trial.redis.enabled" in chart.refusal(values)
