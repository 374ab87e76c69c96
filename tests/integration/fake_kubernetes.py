"""A Kubernetes API server as far as `rollout/` asks one: objects over HTTP, selectors, discovery, forwarded ports, refusals."""

from __future__ import annotations

import base64
import gzip
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml
from fake_port_forward import forward_port

# What discovery says: kind -> plural, and whether it belongs to a namespace.
KINDS = {
    "v1": {
        **{kind: (f"{kind.lower()}s", True) for kind in ("ConfigMap", "Secret", "Pod", "Event", "Service", "ServiceAccount")},
        "PersistentVolumeClaim": ("persistentvolumeclaims", True),
        "Namespace": ("namespaces", False),
    },
    "apps/v1": {"Deployment": ("deployments", True)},
    "batch/v1": {"Job": ("jobs", True), "CronJob": ("cronjobs", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "serving.kserve.io/v1beta1": {"InferenceService": ("inferenceservices", True)},
    "serving.kserve.io/v1alpha1": {
        "ServingRuntime": ("servingruntimes", True),
        "ClusterStorageContainer": ("clusterstoragecontainers", False),
    },
    "storage.k8s.io/v1": {"StorageClass": ("storageclasses", False)},
    "apiregistration.k8s.io/v1": {"APIService": ("apiservices", False)},
}
TOKEN = "letmein"


class FakeKubernetes:
    """Objects by their path; `proxied` is what pods answer, by pod and path; `refused` are path beginnings that answer 403."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.proxied: dict[tuple[str, str], Any] = {}
        self.refused: list[str] = []
        self.kinds = deepcopy(KINDS)
        self.version = {"major": "1", "minor": "34", "gitVersion": "v1.34.4"}
        self.writes: list[str] = []
        # Called before each answer: what time, or a controller, changes.
        self.before_answer: Callable[[], object] = lambda: None

    def put(self, *objects: Mapping[str, Any]) -> None:
        for one in objects:
            self.objects[self._path(one)] = deepcopy(dict(one))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """To be changed in place."""
        return next(one for one in self.objects.values() if one["kind"] == kind and one["metadata"]["name"] == name)

    def remove(self, kind: str, name: str) -> None:
        self.objects = {path: one for path, one in self.objects.items() if (one["kind"], one["metadata"]["name"]) != (kind, name)}

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        self.before_answer()
        if any(path.startswith(refused) for refused in self.refused):
            return 403, _failure(403, f'{path} is forbidden: User "ann" cannot do that')
        if path == "/version":
            return 200, self.version
        api = path.removeprefix("/apis/").removeprefix("/api/")
        if api in self.kinds:
            resources = [{"kind": k, "name": name, "namespaced": within} for k, (name, within) in self.kinds[api].items()]
            return 200, {"kind": "APIResourceList", "resources": [*resources, *({**r, "name": f"{r['name']}/status"} for r in resources)]}
        if path in self.objects:
            return 200, self.objects[path]
        if any(path.endswith(f"/{plural}") for kinds in self.kinds.values() for plural, _ in kinds.values()):
            return 200, {"kind": "List", "items": [one for one in self._within(path) if _selected(one, query)]}
        return 404, _failure(404, f"{path} not found")

    def _within(self, path: str) -> Iterator[dict[str, Any]]:
        root, _, plural = path.rpartition("/")
        for own, one in self.objects.items():
            folder, _, _ = own.rpartition("/")
            if folder == path or (folder.startswith(f"{root}/namespaces/") and folder.endswith(f"/{plural}")):
                yield one

    def _path(self, one: Mapping[str, Any]) -> str:
        api, metadata = one["apiVersion"], one["metadata"]
        plural, within = self.kinds[api][one["kind"]]
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        return f"{root}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}" if within else f"{root}/{plural}/{metadata['name']}"


@contextmanager
def reached(fake: FakeKubernetes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    """The fake as the cluster that commands find, as kubectl would."""
    with serving(fake, folder) as config:
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
        monkeypatch.setenv("COLUMNS", "200")
        yield fake


@contextmanager
def serving(fake: FakeKubernetes, folder: Path) -> Iterator[Path]:
    """Runs it on a free port; yields a kubeconfig that leads there."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if known and parts.path.endswith("/portforward") and parts.path not in fake.refused:
                forward_port(self, fake.proxied, parts.path.split("/")[-2], int(query["ports"]))
            else:
                self._send(*(fake.answer(unquote(parts.path), query) if known else (401, _failure(401, "Unauthorized"))))

        def _write(self) -> None:
            fake.writes.append(f"{self.command} {self.path}")
            self._send(405, _failure(405, "this cluster is only read"))

        do_POST = do_PUT = do_PATCH = do_DELETE = _write

        def _send(self, status: int, body: Any) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    config = folder / "kubeconfig"
    config.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{server.server_address[1]}")))
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fake_helm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `helm` that only writes down how it was called, one line a call; returns the file it writes to.

    What `upgrade` was given of values is copied beside it, because the caller removes it.
    """
    calls, programs = folder / "helm-calls", folder / "bin"
    programs.mkdir()
    copying = f'for one in "$@"; do case "$one" in */change.yaml) cp "$one" {folder}/;; */chart) cp -r "$one" {folder}/;; esac; done'
    (programs / "helm").write_text(f'#!/bin/sh\n{copying}\necho "$@" >> {calls}\n')
    (programs / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return calls


def helm_secret(record: Mapping[str, Any]) -> dict[str, Any]:
    """A revision as Helm 3 stores it."""
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    labels = {"name": record["name"], "owner": "helm", "status": record["info"]["status"], "version": str(record["version"])}
    name = f"sh.helm.release.v1.{record['name']}.v{record['version']}"
    metadata = {"name": name, "namespace": record["namespace"], "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1", "metadata": metadata, "data": {"release": packed}}


def _selected(one: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    labels = one["metadata"].get("labels") or {}
    wanted = [part.split("=") for part in query.get("labelSelector", "").split(",") if part]
    fields = [part.split("=") for part in query.get("fieldSelector", "").split(",") if part]
    return all(labels.get(key) == value for key, value in wanted) and all(one.get(key) == value for key, value in fields)


def _failure(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "fake", "cluster": {"server": url}}],
        "users": [{"name": "ann", "user": {"token": TOKEN}}],
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "ann", "namespace": "shop"}}],
        "current-context": "fake",
    }
