"""Before an install: has the cluster what the chart needs, and is there what the values name?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inference_graph.errors import DependencyError
from inference_graph.rollout.cluster import Cluster, Forbidden, Object
from inference_graph.rollout.findings import Finding
from inference_graph.rollout.preflight_values import named_by_values

OLDEST_KUBERNETES = (1, 30)
OLDEST_KSERVE = (0, 16)
KSERVE = "serving.kserve.io"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def preflight(cluster: Cluster, values: Mapping[str, Any]) -> list[Finding]:
    """Raises DependencyError only where the cluster does not answer at all."""
    findings = [_kubernetes(cluster)]
    for subject, question in QUESTIONS.items():
        try:
            findings += question(cluster)
        except Forbidden as error:
            findings.append(Finding(subject, None, f"could not be looked at: {error}"))
        except DependencyError as error:
            findings.append(Finding(subject, False, str(error)))
    return [*findings, *named_by_values(cluster, values)]


def _kubernetes(cluster: Cluster) -> Finding:
    found = cluster.get("/version")
    version = _version(f"{found['major']}.{found['minor']}")
    fine = version is not None and version >= OLDEST_KUBERNETES
    wanted = "" if fine else f"; the chart needs {_dotted(OLDEST_KUBERNETES)} or newer"
    return Finding("Kubernetes", fine, f"{found.get('gitVersion', version)}{wanted}")


def _namespace(cluster: Cluster) -> Iterator[Finding]:
    if cluster.find(f"/api/v1/namespaces/{cluster.namespace}") is None:
        yield Finding(
            "namespace", None, f"{cluster.namespace} is not there: `helm install --create-namespace` makes it, without your secrets"
        )
    else:
        yield Finding("namespace", True, cluster.namespace)


def _kserve(cluster: Cluster) -> Iterator[Finding]:
    kinds = {
        resource["kind"]
        for version in ("v1beta1", "v1alpha1")
        for resource in (cluster.find(f"/apis/{KSERVE}/{version}") or {}).get("resources", [])
    }
    if missing := sorted({"InferenceService", "ServingRuntime"} - kinds):
        yield Finding(
            "KServe",
            False,
            f"no {' and no '.join(missing)}: install KServe's CRDs (docs/install.md); the API server would say 'no matches'",
        )
        return
    yield Finding("KServe's CRDs", True, "InferenceService, ServingRuntime")
    controllers = cluster.items("/apis/apps/v1/deployments", labelSelector="control-plane=kserve-controller-manager")
    if not controllers:
        yield Finding(
            "KServe's controller", False, "no Deployment has the label control-plane=kserve-controller-manager: install KServe itself"
        )
    for controller in controllers:
        yield _controller(controller)
    if not cluster.items(f"/apis/{KSERVE}/v1alpha1/clusterstoragecontainers"):
        yield Finding("models from s3://, gs://, Azure", None, "there is no ClusterStorageContainer: only pvc:// is served")


def _controller(controller: Object) -> Finding:
    labels, name = controller["metadata"].get("labels") or {}, controller["metadata"]["name"]
    images = [container["image"] for container in controller["spec"]["template"]["spec"]["containers"]]
    written = next((image.rpartition(":")[2] for image in images if "kserve" in image and _version(image.rpartition(":")[2])), None)
    version = _version(written or str(labels.get("app.kubernetes.io/version", "")))
    ready = int((controller.get("status") or {}).get("readyReplicas", 0))
    if ready == 0:
        return Finding("KServe's controller", False, f"{name} has no ready pod: its webhooks then refuse every InferenceService and pod")
    if version is None:
        return Finding("KServe's controller", None, f"{name} runs; its version is not known from {', '.join(images)}")
    fine = version >= OLDEST_KSERVE
    return Finding(
        "KServe's controller", fine, f"{_dotted(version)}{'' if fine else f'; the chart needs {_dotted(OLDEST_KSERVE)} or newer'}"
    )


def _metrics_server(cluster: Cluster) -> Iterator[Finding]:
    service = cluster.find("/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io")
    if service is None:
        yield Finding("metrics-server", False, "the API metrics.k8s.io is not there: nothing would be scaled by CPU")
        return
    conditions = (service.get("status") or {}).get("conditions") or []
    available = next((c for c in conditions if c["type"] == "Available"), {"status": "Unknown"})
    fine = available["status"] == "True"
    yield Finding("metrics-server", fine, "answers" if fine else f"does not answer: {available.get('message', 'no reason given')}")


def _storage_class(cluster: Cluster) -> Iterator[Finding]:
    classes = cluster.items("/apis/storage.k8s.io/v1/storageclasses")
    defaults = [c["metadata"]["name"] for c in classes if (c["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"]
    if defaults:
        yield Finding("storage class", True, f"{defaults[0]} is the default")
    else:
        named = ", ".join(c["metadata"]["name"] for c in classes) or "none"
        yield Finding(
            "storage class", None, f"none is the default (there are: {named}): name one, or claims that exist, for refresh and redis"
        )


QUESTIONS: Mapping[str, Callable[[Cluster], Iterator[Finding]]] = {
    "namespace": _namespace,
    "KServe": _kserve,
    "metrics-server": _metrics_server,
    "storage class": _storage_class,
}


def _version(text: str) -> tuple[int, int] | None:
    match = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
