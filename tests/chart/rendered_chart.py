"""The chart as `helm template` renders it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "recommender"
TOOLS = ROOT / ".cache" / "bin"

EVERYTHING: dict[str, Any] = {
    "trial": {name: {"enabled": True} for name in ("redis", "prometheus", "grafana")},
    "expose": {"kind": "httpRoute", "host": "shop.example.com", "httpRoute": {"parentRefs": [{"name": "outside"}]}},
    "autoscaling": {"class": "external"},
    "refresh": {"data": {"synthetic": True}},
    "batch": {"enabled": True},
    "snapshot": {"claim": "store"},
    "s3": {"existingSecret": "s3-keys"},
}

Rendered = list[dict[str, Any]]


def tool(name: str) -> str:
    """The path of a program that `make chart-tools` builds; the test is skipped where it could not be built."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not here: `make chart-tools` builds it where Go is installed")
    return found


@dataclass(frozen=True)
class Chart:
    helm: str

    def text(self, values: dict[str, Any] | None = None, release: str = "recommender", namespace: str = "shop", *more: str) -> str:
        run = self._run(values, release, namespace, *more)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def render(self, values: dict[str, Any] | None = None, release: str = "recommender", namespace: str = "shop", *more: str) -> Rendered:
        return [found for found in yaml.load_all(self.text(values, release, namespace, *more), yaml.CSafeLoader) if found]

    def refusal(self, values: dict[str, Any]) -> str:
        run = self._run(values, "recommender", "shop")
        assert run.returncode != 0, "these values were not refused"
        return run.stderr

    def _run(self, values: dict[str, Any] | None, release: str, namespace: str, *more: str) -> subprocess.CompletedProcess[str]:
        # A helm that `go install` built takes an old Kubernetes for granted.
        command = [self.helm, "template", release, str(CHART), "--kube-version=1.34", "--namespace", namespace, "--values", "-", *more]
        return subprocess.run(command, input=yaml.safe_dump(values or {}), capture_output=True, text=True, check=False)


def one(rendered: Rendered, kind: str, name: str) -> dict[str, Any]:
    (found,) = (o for o in rendered if o["kind"] == kind and o["metadata"]["name"] == name)
    return found


def of_kind(rendered: Rendered, kind: str) -> Rendered:
    return [o for o in rendered if o["kind"] == kind]


def pods(rendered: Rendered) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Where, metadata and spec of everything that becomes a pod; a predictor with the container of its runtime."""
    runtimes = {o["metadata"]["name"]: o["spec"] for o in of_kind(rendered, "ServingRuntime")}
    for found in rendered:
        kind, spec = found["kind"], found.get("spec", {})
        where = f"{kind}/{found['metadata']['name']}"
        if kind == "Pod":
            yield where, found["metadata"], spec
        elif kind in ("Deployment", "Job"):
            yield where, spec["template"]["metadata"], spec["template"]["spec"]
        elif kind == "CronJob":
            template = spec["jobTemplate"]["spec"]["template"]
            yield where, template["metadata"], template["spec"]
        elif kind == "RayJob":
            cluster = spec["rayClusterSpec"]
            for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                yield f"{where}.{group.get('groupName', 'head')}", group["template"]["metadata"], group["template"]["spec"]
        elif kind == "InferenceService":
            for component in ("predictor", "transformer"):
                if component in spec:
                    yield f"{where}.{component}", *_component(spec[component], runtimes)


def _component(spec: dict[str, Any], runtimes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = {"labels": spec["labels"], "annotations": spec.get("annotations", {})}
    if "model" not in spec:
        return metadata, spec
    runtime, model = runtimes[spec["model"]["runtime"]], spec["model"]
    (base,) = runtime["containers"]
    # KServe appends these two and replaces the rest.
    appended = {key: base[key] + model.get(key, []) for key in ("args", "volumeMounts")}
    container = {**base, **model, **appended}
    return metadata, {**spec, "containers": [container], "volumes": runtime["volumes"] + spec.get("volumes", [])}


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(container: dict[str, Any]) -> dict[str, str]:
    """The variables that have a value; those of secrets are empty here."""
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}
