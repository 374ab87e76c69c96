"""Every metric that a query may name, with its labels: ours, the model servers', the cluster's, and what the rules record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics import MetricWrapperBase

from inference_graph import metrics as transformer
from model_server import metrics as model_server
from monitoring.promql import read

TARGET = ("namespace", "release", "pod")
"""What scraping adds to every series of a pod of ours."""

_HPA = ("namespace", "horizontalpodautoscaler")
_HPA_METRIC = (*_HPA, "metric_name", "metric_target_type")
_CONTAINER = ("namespace", "pod", "container")
CLUSTER: Mapping[str, tuple[str, ...]] = {
    "up": TARGET,
    "ALERTS": ("namespace", "release", "alertname", "alertstate", "severity"),
    # kube-state-metrics 2
    "kube_pod_owner": ("namespace", "pod", "owner_kind", "owner_name"),
    "kube_replicaset_owner": ("namespace", "replicaset", "owner_kind", "owner_name"),
    "kube_deployment_spec_replicas": ("namespace", "deployment"),
    "kube_deployment_status_replicas_available": ("namespace", "deployment"),
    "kube_horizontalpodautoscaler_info": (*_HPA, "scaletargetref_kind", "scaletargetref_name"),
    "kube_horizontalpodautoscaler_spec_min_replicas": _HPA,
    "kube_horizontalpodautoscaler_spec_max_replicas": _HPA,
    "kube_horizontalpodautoscaler_spec_target_metric": _HPA_METRIC,
    "kube_horizontalpodautoscaler_status_current_replicas": _HPA,
    "kube_horizontalpodautoscaler_status_target_metric": _HPA_METRIC,
    "kube_horizontalpodautoscaler_status_condition": (*_HPA, "condition", "status"),
    "kube_pod_container_resource_limits": (*_CONTAINER, "resource"),
    "kube_pod_container_resource_requests": (*_CONTAINER, "resource"),
    "kube_pod_container_status_restarts_total": _CONTAINER,
    # the kubelet
    "container_cpu_usage_seconds_total": _CONTAINER,
    "container_memory_working_set_bytes": _CONTAINER,
}
INFO_LABELS = ("graph", "snapshot", "retrieval", "ranking")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}


def known(recording_rules: Iterable[Mapping[str, str]] = ()) -> dict[str, tuple[str, ...]]:
    """Names to labels."""
    recorded = {rule["record"]: read(rule["expr"]).groupings[0] for rule in recording_rules}
    return {**dict(_of_transformer()), **dict(_of_model_servers()), **CLUSTER, **recorded}


def is_of_a_release(metric: str) -> bool:
    """Whether its series carry `release`: those of kube-state-metrics and the kubelet do not."""
    return not metric.startswith(("kube_", "container_"))


def _of_transformer() -> Iterator[tuple[str, tuple[str, ...]]]:
    for metric in vars(transformer).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        labels = (*TARGET, *metric._labelnames, *(INFO_LABELS if family.type == "info" else ()))
        if "component" in labels:
            # What it is called where the scraper has put the pod's own label in its place.
            labels += ("exported_component",)
        for suffix in SUFFIXES[family.type]:
            yield family.name + suffix, (*labels, "le") if suffix == "_bucket" else labels


def _of_model_servers() -> Iterator[tuple[str, tuple[str, ...]]]:
    """TF Serving's names, which our model server shares: their tests compare the two."""
    prefix = ":tensorflow:serving:"
    for name, labels in model_server._COUNTERS.items():
        yield prefix + name.replace("/", ":"), (*TARGET, *labels)
    for name, (labels, _) in model_server._HISTOGRAMS.items():
        for suffix in SUFFIXES["histogram"]:
            yield prefix + name.replace("/", ":") + suffix, (*TARGET, *labels, *(("le",) if suffix == "_bucket" else ()))
