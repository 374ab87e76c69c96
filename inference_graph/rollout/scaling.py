"""A HorizontalPodAutoscaler in words: its bounds and its measure, and why it cannot do its work."""

from __future__ import annotations

from collections.abc import Iterator

from inference_graph.rollout.cluster import Object
from inference_graph.rollout.events import one_line


def scaling_in_words(scaler: Object) -> str:
    spec, status = scaler["spec"], scaler.get("status") or {}
    measures = ", ".join(_measures(spec.get("metrics") or [], status.get("currentMetrics") or []))
    return f"{spec.get('minReplicas', 1)} to {spec['maxReplicas']}{f', {measures}' if measures else ''}"


def scaling_problems(scaler: Object) -> Iterator[str]:
    name = scaler["metadata"]["name"]
    for condition in (scaler.get("status") or {}).get("conditions") or []:
        kind, status = condition["type"], condition["status"]
        if kind in ("AbleToScale", "ScalingActive") and status == "False" and condition.get("reason") != "ScalingDisabled":
            said = one_line(condition.get("message", ""))
            hint = ": is metrics-server there (`inference-graph status --preflight`)?" if "metrics API" in said else ""
            yield f"HorizontalPodAutoscaler {name} cannot scale: {condition.get('reason')}: {said}{hint}"


def at_maximum(scaler: Object) -> bool:
    """Whether it wants more pods than it may have."""
    conditions = (scaler.get("status") or {}).get("conditions") or []
    return any(c["type"] == "ScalingLimited" and c["status"] == "True" and c.get("reason") == "TooManyReplicas" for c in conditions)


def _measures(wanted: list[Object], current: list[Object]) -> Iterator[str]:
    now = {m["resource"]["name"]: m["resource"]["current"].get("averageUtilization") for m in current if m.get("resource")}
    for metric in wanted:
        if resource := metric.get("resource"):
            target = (resource.get("target") or {}).get("averageUtilization")
            measured = now.get(resource["name"])
            yield f"{resource['name']} {'?' if measured is None else measured}% of {target}%"
        else:
            yield str(metric.get("type", "")).lower()
