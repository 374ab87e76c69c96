"""What a values file names and Helm does not make: secrets with their keys, claims, and the APIs behind what is switched on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from inference_graph.errors import DependencyError, InvalidConfiguration
from inference_graph.rollout.cluster import Cluster, Forbidden
from inference_graph.rollout.findings import Finding
from inference_graph.rollout.helm_record import merged

SHARED_MODES = {"ReadWriteMany", "ReadOnlyMany"}
SECRETS = {
    "s3.existingSecret": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "redis.existingSecret": ("password",),
    "embeddings.existingSecret": ("OPENAI_API_KEY",),
    "expose.tlsSecret": ("tls.crt", "tls.key"),
}
# Whether pods on several nodes read it.
CLAIMS = {
    "snapshot.claim": True,
    "refresh.data.existingClaim": False,
    "refresh.workspace.existingClaim": False,
    "redis.persistence.existingClaim": False,
}
# Which value needs which API: the value, what it must be, the API, and whose it is.
APIS = (
    ("monitoring.podMonitor.enabled", True, "monitoring.coreos.com/v1", "the Prometheus operator"),
    ("monitoring.prometheusRule.enabled", True, "monitoring.coreos.com/v1", "the Prometheus operator"),
    ("autoscaling.class", "keda", "keda.sh/v1alpha1", "KEDA"),
    ("expose.kind", "httpRoute", "gateway.networking.k8s.io/v1", "the Gateway API"),
)


def read_values(files: Sequence[Path]) -> dict[str, Any]:
    """As Helm reads several: later ones over earlier ones. Raises InvalidConfiguration."""
    values: dict[str, Any] = {}
    for file in files:
        try:
            found = yaml.safe_load(file.read_text()) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidConfiguration(f"{file} is not YAML: {error}") from error
        if not isinstance(found, dict):
            raise InvalidConfiguration(f"{file}: expected a map of values, got {type(found).__name__}")
        values = merged(values, found)
    return values


def named_by_values(cluster: Cluster, values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, keys in SECRETS.items():
        if name := value_at(values, key):
            wanted = (*keys, "ca.crt") if key == "redis.existingSecret" and value_at(values, "redis.tls.ca") else keys
            yield _secret(cluster, key, str(name), wanted)
    for entry in value_at(values, "global.imagePullSecrets") or []:
        yield _secret(cluster, "global.imagePullSecrets", str(entry["name"]), (".dockerconfigjson",))
    for key, shared in CLAIMS.items():
        if name := value_at(values, key):
            yield _claim(cluster, key, str(name), shared)
    for model in ("ranking", "retrieval"):
        uri = str(value_at(values, f"{model}.storageUri") or "")
        if uri.startswith("pvc://"):
            yield _claim(cluster, f"{model}.storageUri", uri.removeprefix("pvc://").partition("/")[0], shared=True)
    for key, switched_on, api, whose in APIS:
        if value_at(values, key) == switched_on:
            there = cluster.find(f"/apis/{api}") is not None
            yield Finding(key, there, f"{api} is there" if there else f"the cluster does not know {api}: install {whose}")


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, None where there is none."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _secret(cluster: Cluster, key: str, name: str, wanted: Sequence[str]) -> Finding:
    """Keys alone are looked at, never what they hold."""
    try:
        secret = cluster.find(f"{cluster.of_namespace('v1', 'secrets')}/{name}")
    except Forbidden as error:
        return Finding(key, None, f"Secret {name} could not be looked at: {error}")
    except DependencyError as error:
        return Finding(key, False, str(error))
    if secret is None:
        return Finding(key, False, f"Secret {name} is not in namespace {cluster.namespace}")
    missing = sorted(set(wanted) - set(secret.get("data") or {}))
    return Finding(key, not missing, f"Secret {name} has no {', no '.join(missing)}" if missing else f"Secret {name}")


def _claim(cluster: Cluster, key: str, name: str, shared: bool) -> Finding:
    try:
        claim = cluster.find(f"{cluster.of_namespace('v1', 'persistentvolumeclaims')}/{name}")
    except Forbidden as error:
        return Finding(key, None, f"claim {name} could not be looked at: {error}")
    if claim is None:
        return Finding(key, False, f"PersistentVolumeClaim {name} is not in namespace {cluster.namespace}")
    modes = set(claim["spec"].get("accessModes") or [])
    if shared and not modes & SHARED_MODES:
        return Finding(key, False, f"claim {name} is {', '.join(sorted(modes))}: pods on several nodes need ReadWriteMany or ReadOnlyMany")
    phase = (claim.get("status") or {}).get("phase", "Pending")
    return Finding(key, True if phase == "Bound" else None, f"claim {name} is {phase}")
