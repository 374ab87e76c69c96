"""How the refresh of features, snapshot and index fares: the newest Job, and the CronJob that makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference_graph.rollout.cluster import Cluster, Object
from inference_graph.rollout.events import Warnings, one_line
from inference_graph.rollout.pods import pod_problems
from inference_graph.rollout.workloads import COMPONENT, INSTANCE


@dataclass(frozen=True, slots=True)
class Refresh:
    """`state` in words; None where the release has no refresh."""

    state: str | None
    problems: tuple[str, ...]


def refresh_state(cluster: Cluster, release: str, warnings: Warnings) -> Refresh:
    selector = f"{INSTANCE}={release},{COMPONENT}=refresh"
    schedules = cluster.items(cluster.of_namespace("batch/v1", "cronjobs"), labelSelector=selector)
    jobs = cluster.items(cluster.of_namespace("batch/v1", "jobs"), labelSelector=selector)
    newest = max(jobs, key=lambda job: str(job["metadata"].get("creationTimestamp", "")), default=None)
    words = [*(_schedule(schedule) for schedule in schedules), *([_job(newest)] if newest else [])]
    return Refresh("; ".join(words) or None, tuple(_problems(cluster, newest, warnings)) if newest else ())


def _schedule(schedule: Object) -> str:
    last = (schedule.get("status") or {}).get("lastSuccessfulTime")
    suspended = ", suspended" if schedule["spec"].get("suspend") else ""
    return f"at {schedule['spec']['schedule']!r}{suspended}, {f'last done {last}' if last else 'not done by schedule yet'}"


def _job(job: Object) -> str:
    ended = _condition(job, "Complete") or _condition(job, "Failed")
    return f"newest Job {job['metadata']['name']}: {ended['type'].lower() if ended else 'at work'}"


def _problems(cluster: Cluster, job: Object, warnings: Warnings) -> Iterator[str]:
    name = job["metadata"]["name"]
    if failed := _condition(job, "Failed"):
        yield f"Job {name} failed: {failed.get('reason')}: {one_line(failed.get('message', ''))}"
    elif not _condition(job, "Complete"):
        pods = cluster.items(cluster.of_namespace("v1", "pods"), labelSelector=f"job-name={name}")
        stuck = [pod for pod in pods if (pod.get("status") or {}).get("phase") != "Running"]
        for pod in stuck:
            yield from pod_problems(pod, warnings)


def _condition(job: Object, kind: str) -> Object | None:
    conditions = (job.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)
