"""The state of one release, put together from what Helm, KServe, Kubernetes and the pods say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inference_graph.errors import InvalidConfiguration
from inference_graph.rollout.cluster import Cluster, Forbidden, Object
from inference_graph.rollout.drift import drift
from inference_graph.rollout.events import warnings
from inference_graph.rollout.helm_record import CHART, Revision, revisions
from inference_graph.rollout.refresh_jobs import refresh_state
from inference_graph.rollout.services import API, service_problems
from inference_graph.rollout.workloads import INSTANCE, Workload, workloads

NAME = "app.kubernetes.io/name"
NOT_BY_HELM = "not installed by Helm: there is no release to compare with"


@dataclass(frozen=True, slots=True)
class Status:
    """`problems`: why it is not healthy. `drift`: what differs from the release. `notes`: what could not be seen or is near a bound."""

    release: str
    namespace: str
    healthy: bool
    revision: dict[str, Any] | None
    workloads: tuple[Workload, ...]
    refresh: str | None
    problems: tuple[str, ...]
    drift: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def releases(cluster: Cluster) -> list[str]:
    """Every release in the namespace: Helm's, and those that came as plain manifests."""
    found = {service["metadata"]["labels"][INSTANCE] for service in _services(cluster, f"{NAME}={CHART}")}
    try:
        return sorted(found | {revision.release for revision in revisions(cluster)})
    except Forbidden:
        return sorted(found)


def status_of(cluster: Cluster, release: str) -> Status:
    """Raises InvalidConfiguration where neither Helm nor KServe knows the release, DependencyError where the cluster does not answer."""
    newest, notes = _newest(cluster, release)
    services = _services(cluster, f"{INSTANCE}={release}")
    if newest is None and not services:
        known = ", ".join(releases(cluster)) or "none"
        raise InvalidConfiguration(f"no release {release!r} in namespace {cluster.namespace!r} of {cluster}; there are: {known}")
    seen = warnings(cluster)
    running = workloads(cluster, release, services, seen)
    refresh = refresh_state(cluster, release, seen)
    problems = [
        *(_revision_problems(newest) if newest else []),
        *([] if services else [f"the cluster has no InferenceService of release {release}"]),
        *(line for service in services for line in service_problems(service, seen)),
        *(line for workload in running for line in workload.problems),
        *refresh.problems,
    ]
    return Status(
        release=release,
        namespace=cluster.namespace,
        healthy=not problems,
        revision=_facts(newest) if newest else None,
        workloads=tuple(running),
        refresh=refresh.state,
        problems=tuple(problems),
        drift=tuple(drift(cluster, newest.objects)) if newest else (),
        notes=(*notes, *([seen.refused] if seen.refused else []), *(note for workload in running for note in workload.notes)),
    )


def _services(cluster: Cluster, selector: str) -> Sequence[Object]:
    return cluster.items(cluster.of_namespace(API, "inferenceservices"), labelSelector=selector)


def _newest(cluster: Cluster, release: str) -> tuple[Revision | None, list[str]]:
    try:
        found = revisions(cluster, release)
    except Forbidden as error:
        return None, [f"Helm's records could not be read, so nothing is said of drift: {error}"]
    return (found[-1], []) if found else (None, [NOT_BY_HELM])


def _revision_problems(revision: Revision) -> list[str]:
    if revision.status.startswith("pending"):
        return [f"revision {revision.number} is {revision.status}: helm is at work, or was stopped in the middle ({revision.description})"]
    if revision.status != "deployed":
        return [f"revision {revision.number} is {revision.status}: {revision.description}"]
    return []


def _facts(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "status": revision.status,
        "chart": revision.chart,
        "application": revision.application,
        "updated": revision.updated,
        "description": revision.description,
        "tested": revision.tested,
    }
