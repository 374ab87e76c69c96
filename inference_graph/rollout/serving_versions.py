"""Which versions the pods serve, asked of the pods themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from inference_graph.errors import DependencyBadResponse
from inference_graph.rollout.cluster import Cluster, Object

FIRST_PORT = 8080
INFO = "recommender_info"


def model_versions(cluster: Cluster, pod: Object, model: str) -> tuple[str, ...]:
    """The AVAILABLE versions of a model server's pod. Raises DependencyError."""
    body = ask(cluster, pod, f"/v1/models/{model}")
    try:
        states = json.loads(body)["model_version_status"]
        return tuple(sorted(str(state["version"]) for state in states if state["state"] == "AVAILABLE"))
    except (ValueError, LookupError, TypeError) as error:
        raise DependencyBadResponse(f"pod {pod['metadata']['name']} does not answer as a model server does: {body:.100}") from error


def answered_with(cluster: Cluster, pod: Object) -> Mapping[str, str]:
    """The versions in a transformer's newest answer (models, snapshot, graph); empty before the first one. Raises DependencyError."""
    body = ask(cluster, pod, "/metrics")
    try:
        samples = [sample for family in text_string_to_metric_families(body) for sample in family.samples if sample.name == INFO]
    except ValueError as error:
        raise DependencyBadResponse(f"pod {pod['metadata']['name']}: /metrics is not Prometheus's format ({error})") from error
    return {name: value for sample in samples for name, value in sample.labels.items()}


def model_name(pod: Object, otherwise: str) -> str:
    """What `--model_name` of the model server says."""
    arguments = [argument for container in pod["spec"]["containers"] for argument in container.get("args") or []]
    named = [argument.partition("=")[2] for argument in arguments if argument.startswith("--model_name=")]
    return named[0] if named else otherwise


def ask(cluster: Cluster, pod: Object, path: str) -> str:
    ports = [port["containerPort"] for container in pod["spec"]["containers"] for port in container.get("ports") or []]
    return cluster.ask_pod(pod["metadata"]["name"], ports[0] if ports else FIRST_PORT, path)
