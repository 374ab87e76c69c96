"""The Deployments of a release: how many pods, of which image, in which version, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference_graph.errors import DependencyError
from inference_graph.rollout.cluster import Cluster, Object
from inference_graph.rollout.events import Warnings, one_line
from inference_graph.rollout.pods import is_ready, leaves, pod_problems
from inference_graph.rollout.scaling import at_maximum, scaling_in_words, scaling_problems
from inference_graph.rollout.services import model_of, storage_uri
from inference_graph.rollout.serving_versions import answered_with, model_name, model_versions

MODELS = ("ranking", "retrieval")
TRANSFORMER = "transformer"
COMPONENT = "app.kubernetes.io/component"
INSTANCE = "app.kubernetes.io/instance"


@dataclass(frozen=True, slots=True)
class Workload:
    """`versions` are what ready pods say, `images` what all pods run; more than one while a rollout is under way."""

    component: str
    deployment: str
    ready: int
    wanted: int
    images: tuple[str, ...]
    model: str | None
    versions: tuple[str, ...]
    scaling: str | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def workloads(cluster: Cluster, release: str, services: Sequence[Object], warnings: Warnings) -> list[Workload]:
    scalers = cluster.items(cluster.of_namespace("autoscaling/v2", "horizontalpodautoscalers"))
    by_target = {scaler["spec"]["scaleTargetRef"]["name"]: scaler for scaler in scalers}
    found = list(_deployments(cluster, release, services))
    return [_workload(cluster, *entry, by_target.get(entry[0]["metadata"]["name"]), warnings) for entry in found]


def pods_of(cluster: Cluster, deployment: Object) -> list[Object]:
    labels = deployment["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return cluster.items(cluster.of_namespace("v1", "pods"), labelSelector=selector)


def _deployments(cluster: Cluster, release: str, services: Sequence[Object]) -> Iterator[tuple[Object, str, str | None]]:
    """Each with its component and, for a model server, where its model is."""
    path = cluster.of_namespace("apps/v1", "deployments")
    parts: dict[str, tuple[str, str | None]] = {}
    for service in services:
        name = service["metadata"]["name"]
        parts[f"{name}-transformer"] = (TRANSFORMER, None)
        parts[f"{name}-predictor"] = (model_of(service), storage_uri(service))
    for name, (component, model) in parts.items():
        if deployment := cluster.find(f"{path}/{name}"):
            yield deployment, _label(deployment) or component, model
    for deployment in cluster.items(path, labelSelector=f"{INSTANCE}={release}"):
        if deployment["metadata"]["name"] not in parts:
            yield deployment, _label(deployment) or deployment["metadata"]["name"], None


def _label(deployment: Object) -> str | None:
    return (deployment["spec"]["template"]["metadata"].get("labels") or {}).get(COMPONENT)


def _workload(
    cluster: Cluster, deployment: Object, component: str, model: str | None, scaler: Object | None, warnings: Warnings
) -> Workload:
    pods = [pod for pod in pods_of(cluster, deployment) if not leaves(pod)]
    versions, note = _versions(cluster, component, [pod for pod in pods if is_ready(pod)])
    name = deployment["metadata"]["name"]
    maximum = [f"{name} is at its maximum of {scaler['spec']['maxReplicas']} pods and wants more"] if scaler and at_maximum(scaler) else []
    status = deployment.get("status") or {}
    return Workload(
        component=component,
        deployment=name,
        ready=int(status.get("readyReplicas", 0)),
        wanted=int(deployment["spec"].get("replicas", 1)),
        images=tuple(sorted({_image(pod) for pod in pods})),
        model=model,
        versions=versions,
        scaling=scaling_in_words(scaler) if scaler else None,
        problems=tuple(_problems(deployment, pods, scaler, warnings)),
        notes=(*maximum, *note),
    )


def _problems(deployment: Object, pods: Sequence[Object], scaler: Object | None, warnings: Warnings) -> Iterator[str]:
    name, status, wanted = deployment["metadata"]["name"], deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    failure = conditions.get("ReplicaFailure", {})
    if failure.get("status") == "True":
        yield f"{name}: no pod can be made: {one_line(failure.get('message', ''))}"
    progress = conditions.get("Progressing", {})
    if progress.get("status") == "False":
        yield f"{name}: its rollout has stopped: {one_line(progress.get('message', ''))}"
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"].get("generation", 0)):
        yield f"{name}: its newest change has not been acted on yet"
    if (updated := int(status.get("updatedReplicas", 0))) < wanted:
        yield f"{name}: a rollout is under way: {updated} of {wanted} pods are of the newest template"
    if (ready := int(status.get("readyReplicas", 0))) < wanted:
        yield f"{name}: {ready} of {wanted} pods are ready"
    for pod in pods:
        yield from pod_problems(pod, warnings)
    if scaler:
        yield from scaling_problems(scaler)


def _versions(cluster: Cluster, component: str, ready: Sequence[Object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the ready pods serve, and a note where one could not be asked: the others are then not asked either."""
    found: set[str] = set()
    if component not in (*MODELS, TRANSFORMER):
        return (), ()
    try:
        for pod in ready:
            if component == TRANSFORMER:
                found |= {f"{name} {version}" for name, version in answered_with(cluster, pod).items()}
            else:
                found |= set(model_versions(cluster, pod, model_name(pod, component)))
    except DependencyError as error:
        return tuple(sorted(found)), (f"{component}: its version is not known: {error}",)
    return tuple(sorted(found)), ()


def _image(pod: Object) -> str:
    containers = pod["spec"]["containers"]
    served = next((container for container in containers if container["name"] == "kserve-container"), containers[0])
    return str(served["image"])
