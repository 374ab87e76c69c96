"""Why a pod does not serve, in words: from its conditions, its containers' states and the warnings about it."""

from __future__ import annotations

from collections.abc import Iterator

from inference_graph.rollout.cluster import Object
from inference_graph.rollout.events import Warnings, one_line

# What is only a moment of every start.
STARTING = {"ContainerCreating", "PodInitializing"}
WAITING = {
    "ErrImagePull": "its image cannot be pulled",
    "ImagePullBackOff": "its image cannot be pulled",
    "InvalidImageName": "its image's name is not one",
    "ErrImageNeverPull": "its image is not on the node, and it must not be pulled",
    "CrashLoopBackOff": "it ends again and again",
    "CreateContainerConfigError": "a Secret or ConfigMap that it names is missing",
    "CreateContainerError": "it cannot be created",
    "RunContainerError": "it cannot be started",
}


def is_ready(pod: Object) -> bool:
    """Ready, and not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return not leaves(pod) and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def leaves(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def pod_problems(pod: Object, warnings: Warnings) -> Iterator[str]:
    """Nothing for a pod that is ready or that leaves."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if is_ready(pod) or leaves(pod) or status.get("phase") == "Succeeded":
        return
    found = False
    for reason in _reasons(pod, warnings):
        found = True
        yield f"pod {name} {reason}"
    if not found:
        warning = warnings.about("Pod", name)
        yield f"pod {name} is not ready yet{f': {warning}' if warning else ''}"


def _reasons(pod: Object, warnings: Warnings) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if status.get("phase") == "Failed":
        yield f"failed: {status.get('reason', 'no reason given')} {one_line(status.get('message', ''))}".rstrip()
        return
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"has no node: {one_line(condition.get('message', ''))}"
    if mount := warnings.about("Pod", name, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"):
        yield f"cannot start: {mount}"
    for container in (*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])):
        if reason := _container_reason(container):
            yield f"container {container['name']}: {reason}"
        elif _runs_unready(container) and (probe := warnings.about("Pod", name, "Unhealthy", "ProbeWarning")):
            yield f"container {container['name']} runs and is not ready: {probe}"


def _container_reason(container: Object) -> str | None:
    state, restarts = container.get("state") or {}, int(container.get("restartCount", 0))
    ended = (state.get("terminated") or {}) or ((container.get("lastState") or {}).get("terminated") or {})
    last = _how_it_ended(ended) if ended.get("exitCode") else ""
    if (waiting := state.get("waiting")) and waiting.get("reason") not in STARTING:
        reason = str(waiting.get("reason", "it waits"))
        message = last or one_line(str(waiting.get("message", "")))
        return f"{WAITING.get(reason, reason)} ({reason}{f', {restarts} restarts' if restarts else ''}){f': {message}' if message else ''}"
    if last and not container.get("ready"):
        return f"{last}{f' ({restarts} restarts)' if restarts else ''}"
    return None


def _how_it_ended(ended: Object) -> str:
    if ended.get("reason") == "OOMKilled":
        return "it was killed because it needed more memory than its limit"
    message = one_line(str(ended.get("message", "")))
    return f"it ended with exit status {ended.get('exitCode')}{f': {message}' if message else ''}"


def _runs_unready(container: Object) -> bool:
    return "running" in (container.get("state") or {}) and not container.get("ready")
