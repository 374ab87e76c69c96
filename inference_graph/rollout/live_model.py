"""The model that a release serves now: where it lies and what it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from inference_graph.errors import DependencyBadResponse, DependencyError, DependencyUnavailable, InvalidConfiguration
from inference_graph.rollout.cluster import Cluster
from inference_graph.rollout.model_signature import ModelSignature, of_metadata
from inference_graph.rollout.pods import is_ready
from inference_graph.rollout.services import API, model_of, storage_uri
from inference_graph.rollout.serving_versions import ask, model_name, model_versions
from inference_graph.rollout.workloads import INSTANCE, pods_of


@dataclass(frozen=True, slots=True)
class LiveModel:
    uri: str
    versions: tuple[str, ...]
    signature: ModelSignature


def live_uri(cluster: Cluster, release: str, model: str) -> tuple[str, str]:
    """The InferenceService's name and its storageUri. Raises InvalidConfiguration where the release has no such model."""
    services = cluster.items(cluster.of_namespace(API, "inferenceservices"), labelSelector=f"{INSTANCE}={release}")
    for service in services:
        if model_of(service) == model and (uri := storage_uri(service)):
            return str(service["metadata"]["name"]), uri
    raise InvalidConfiguration(f"release {release!r} in namespace {cluster.namespace!r} serves no model {model!r}")


def live_model(cluster: Cluster, release: str, model: str) -> LiveModel:
    """Asks one ready pod. Raises DependencyError where none answers."""
    name, uri = live_uri(cluster, release, model)
    deployment = cluster.get(f"{cluster.of_namespace('apps/v1', 'deployments')}/{name}-predictor")
    reason: DependencyError = DependencyUnavailable(f"no pod of {name}-predictor is ready")
    for pod in filter(is_ready, pods_of(cluster, deployment)):
        served = model_name(pod, model)
        try:
            body = ask(cluster, pod, f"/v1/models/{served}/metadata")
            return LiveModel(uri, model_versions(cluster, pod, served), of_metadata(json.loads(body)))
        except ValueError:
            reason = DependencyBadResponse(f"pod {pod['metadata']['name']}: its metadata is not JSON")
        except DependencyError as error:
            reason = error
    raise reason
