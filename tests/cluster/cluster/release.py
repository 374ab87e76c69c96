"""One release of the chart in a namespace of its own, through Helm alone."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from cluster.commands import Object, apply, found, get, kubectl, raw, run, wait_for

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "recommender"
COMPONENTS = ("transformer", "retrieval", "ranking")

HOME = yaml.safe_load((CHART / "files/graph.yaml").read_text())["surfaces"]["home"]

# What is looked for here are lost requests and lost parts of answers. On machines that the whole cluster shares with its clients a step
# may be late with nothing wrong, so that the graph is given time.
PATIENT: dict[str, Any] = {
    "timeout_seconds": 5,
    "overload": {"target_ms": 4000, "refuse_ms": 4500, "budget_ms": 5000},
    "surfaces": {
        "home": {
            "user_timeout_seconds": 2,
            "sources": [{**source, **({"timeout_seconds": 2} if "timeout_seconds" in source else {})} for source in HOME["sources"]],
            "ranker": {"kind": "served_ranker", "timeout_seconds": 2},
        }
    },
}


def replicas(transformer: int, retrieval: int, ranking: int, /, **most: int) -> dict[str, Any]:
    """Values for exactly so many pods; `most` lets one of them grow."""
    wanted = {"transformer": transformer, "retrieval": retrieval, "ranking": ranking}
    return {name: {"minReplicas": count, "maxReplicas": most.get(name, count)} for name, count in wanted.items()}


ALONE = replicas(1, 1, 1)


def merged(*values: Mapping[str, Any]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for one in values:
        for key, value in one.items():
            total[key] = merged(total.get(key, {}), value) if isinstance(value, Mapping) else value
    return total


@dataclass
class Release:
    namespace: str
    name: str
    values: dict[str, Any]
    """What was installed last, beside CLUSTER_VALUES."""

    @classmethod
    def in_its_namespace(cls, namespace: str, name: str) -> Release:
        """Makes the namespace, which enforces the profile `restricted`, and what CLUSTER_MANIFESTS has for it."""
        labels = {f"pod-security.kubernetes.io/{how}": "restricted" for how in ("enforce", "warn")}
        apply(namespace, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
        if folder := os.environ.get("CLUSTER_MANIFESTS"):
            kubectl(namespace, "apply", "--filename", folder)
        return cls(namespace, name, {})

    @property
    def url(self) -> str:
        return f"http://{self.name}-transformer.{self.namespace}/v1/models/recommender:predict"

    @property
    def events_url(self) -> str:
        return f"http://{self.name}-transformer.{self.namespace}/v1/events"

    def helm(self, *words: str, given: str = "", seconds: float = 600) -> str:
        return run("helm", *words, "--namespace", self.namespace, given=given, seconds=seconds)

    def upgrade(self, *values: Mapping[str, Any]) -> None:
        """Installs or upgrades, and returns as Helm does: before anything has rolled."""
        wanted = merged({"graph": PATIENT}, *values)
        given = ["--values", os.environ["CLUSTER_VALUES"], "--values", "-"]
        self.helm("upgrade", "--install", self.name, str(CHART), *given, given=yaml.safe_dump(wanted))
        self.values = wanted

    def change(self, *values: Mapping[str, Any]) -> None:
        """Upgrades to what is installed and these."""
        self.upgrade(self.values, *values)

    def wait_until_ready(self, seconds: float = 900) -> None:
        kubectl(self.namespace, *self._wait("TransformerReady", seconds, self.name), seconds=seconds + 10)
        kubectl(self.namespace, *self._wait("Ready", seconds, self.name, f"{self.name}-retrieval"), seconds=seconds + 10)

    def _wait(self, condition: str, seconds: float, *services: str) -> list[str]:
        """As the chart's notes say it: by --for=condition kubectl compares generations that KServe does not keep."""
        is_so = f'jsonpath={{.status.conditions[?(@.type=="{condition}")].status}}=True'
        return ["wait", *(f"inferenceservice/{name}" for name in services), f"--for={is_so}", f"--timeout={seconds:.0f}s"]

    def settle(self, seconds: float = 420, **pods: int) -> float:
        """Waits until each component has exactly so many pods, all ready and of the newest template, and none that leaves."""
        calm = 0

        def settled() -> bool:
            nonlocal calm
            seen = found(self.namespace, "deployments,pods")
            calm = calm + 1 if all(self._is_settled(seen, name, count) for name, count in pods.items()) else 0
            return calm >= 4  # KServe's controller may not have seen the change yet

        return wait_for(settled, f"pods {pods}", seconds)

    def _is_settled(self, seen: Sequence[Object], component: str, count: int) -> bool:
        (deployment,) = (one for one in seen if (one["kind"], one["metadata"]["name"]) == ("Deployment", self.deployment_name(component)))
        labels = self._labels(component).items()
        pods = [one for one in seen if one["kind"] == "Pod" and labels <= one["metadata"].get("labels", {}).items()]
        status, wanted = deployment["status"], deployment["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
        is_current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        return is_current and [wanted, *counts, len(pods)] == [count] * 5

    def deployment(self, component: str) -> Object:
        return get(self.namespace, "deployment", self.deployment_name(component))

    def deployment_name(self, component: str) -> str:
        return {
            "transformer": f"{self.name}-transformer",
            "ranking": f"{self.name}-predictor",
            "retrieval": f"{self.name}-retrieval-predictor",
        }[component]

    def pods(self, component: str, leaving: bool = False) -> list[Object]:
        pods = found(self.namespace, "pods", "--selector", ",".join("=".join(label) for label in self._labels(component).items()))
        return [pod for pod in pods if leaving or "deletionTimestamp" not in pod["metadata"]]

    def _labels(self, component: str) -> dict[str, str]:
        return {"app.kubernetes.io/instance": self.name, "app.kubernetes.io/component": component}

    def ready_pods(self, component: str) -> list[Object]:
        return [pod for pod in self.pods(component) if _is_ready(pod)]

    def model_calls(self, pod: str) -> float:
        """How many Predicts a model server's pod has answered, by its own count."""
        page = raw(f"/api/v1/namespaces/{self.namespace}/pods/{pod}:8080/proxy/monitoring/prometheus/metrics")
        lines = [line for line in page.splitlines() if line.startswith(":tensorflow:serving:request_count{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def remove(self) -> None:
        """The namespace, and with it everything."""
        run("kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=300s", seconds=310)

    def refresh(self) -> None:
        """As the runbook says it: a Job made from the CronJob, to its end."""
        name = f"refresh-{time.time_ns() // 10**6}"
        kubectl(self.namespace, "create", "job", name, f"--from=cronjob/{self.name}-refresh")
        kubectl(self.namespace, "wait", f"job/{name}", "--for=condition=Complete", "--timeout=600s", seconds=610)
        kubectl(self.namespace, "delete", "job", name)


def _is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def ready_since(pod: Object) -> float:
    """Seconds since 1970 at which a pod that is ready became so."""
    (ready,) = (c for c in pod["status"]["conditions"] if c["type"] == "Ready")
    return datetime.fromisoformat(ready["lastTransitionTime"]).timestamp()
