"""A release as Prometheus would know it: a series of every metric that a query may name, with the labels that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

DEPLOYMENT, REPLICASET, POD = "rec-predictor", "rec-predictor-7d9f", "rec-predictor-7d9f-abcde"
VALUES: Mapping[str, tuple[str, ...]] = {
    "namespace": ("shop",),
    "release": ("rec",),
    "pod": (POD,),
    "owner_kind": ("ReplicaSet", "Deployment"),
    "owner_name": (REPLICASET, DEPLOYMENT),
    "replicaset": (REPLICASET,),
    "deployment": (DEPLOYMENT,),
    "horizontalpodautoscaler": (DEPLOYMENT,),
    "scaletargetref_kind": ("Deployment",),
    "scaletargetref_name": (DEPLOYMENT,),
    "metric_name": ("cpu",),
    "metric_target_type": ("utilization",),
    "container": ("kserve-container", "queue"),
    "resource": ("cpu", "memory"),
    "code": ("200", "429"),
    "role": ("ranker", "source"),
    "component": ("ranker", "two_tower"),
    "exported_component": ("",),
    "direction": ("in", "out"),
    "alertname": ("RecommenderGone",),
    "alertstate": ("firing",),
}
BUCKETS = ("0.05", "0.1", "+Inf")
OWNERS = {"kube_pod_owner": ("ReplicaSet", REPLICASET), "kube_replicaset_owner": ("Deployment", DEPLOYMENT)}


def series(metric: str, labels: tuple[str, ...]) -> Iterator[str]:
    """Each as promtool reads it; a label that means nothing here has one value."""
    values = {label: BUCKETS if label == "le" else VALUES.get(label, ("any",)) for label in labels}
    if metric in OWNERS:
        kind, name = OWNERS[metric]
        values |= {"owner_kind": (kind,), "owner_name": (name,)}
    for chosen in product(*values.values()):
        yield metric + "{" + ", ".join(f'{label}="{value}"' for label, value in zip(values, chosen, strict=True)) + ', job="x"}'
