"""Traffic through a Service of the cluster, from a pod in it, and what came of it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.commands import apply, get, kubectl, wait_for

SCRIPT = Path(__file__).with_name("load.py")
Line = dict[str, Any]
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
USER = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}


@dataclass(frozen=True)
class Counted:
    """`failures`, `degraded`, `users` and each of `versions` count answers by word."""

    sent: int
    slowest_ms: int
    failures: Counter[str]
    degraded: Counter[str]
    users: Counter[str]
    versions: dict[str, Counter[str]]

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Counted:
        lines = list(lines)

        def total(name: str) -> Counter[str]:
            return sum((Counter(line[name]) for line in lines), Counter())

        return cls(
            sent=sum(line["sent"] for line in lines),
            slowest_ms=max((line["slowest_ms"] for line in lines), default=0),
            failures=total("failures"),
            degraded=total("degraded"),
            users=total("users"),
            versions={name: total(name) for name in ("retrieval", "ranking", "snapshot", "graph")},
        )

    @property
    def in_words(self) -> str:
        named = ", ".join(f"{name} in {count}" for name, count in sorted(self.degraded.items())) or "nothing"
        return f"{self.sent:,} sent, {self.failures.total()} failed, degraded: {named}, slowest {self.slowest_ms} ms"


@dataclass(frozen=True)
class Traffic:
    namespace: str
    name: str

    @classmethod
    def begin(cls, namespace: str, name: str, url: str, rate: int, seconds: int = 3600, users: int = 2000, node: str = "") -> Traffic:
        """`node`: where the pod stays, for tests that take another node away."""
        script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "load"}, "data": {"load.py": SCRIPT.read_text()}}
        container = {
            "name": "load",
            "image": os.environ["CLUSTER_JOBS_IMAGE"],
            "command": ["python", "-u", "/script/load.py", url, str(rate), str(seconds), str(users)],
            "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": RESTRICTED,
            "volumeMounts": [{"name": "script", "mountPath": "/script"}],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": USER,
            "containers": [container],
            "volumes": [{"name": "script", "configMap": {"name": "load"}}],
            **({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}),
        }
        apply(namespace, script, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
        traffic = cls(namespace, name)
        wait_for(lambda: len(traffic.lines()) >= 2, f"{name} to begin", 120)
        return traffic

    def lines(self) -> list[Line]:
        """One for each second that is over, answers included; seconds may end out of order."""
        text = kubectl(self.namespace, "logs", self.name)
        return sorted((json.loads(line) for line in text.splitlines() if line.startswith("{")), key=lambda line: int(line["at"]))

    def wait_for(self, condition: Callable[[Line], bool], what: str, seconds: float) -> float:
        """Until the newest second is so."""
        return wait_for(lambda: condition(self.lines()[-1]), what, seconds)

    def wait_for_versions(self, seconds: float = 300, **versions: str) -> float:
        """Until every answer of a second was made with these."""
        wanted = {name: {version} for name, version in versions.items()}
        return self.wait_for(lambda line: {name: set(line[name]) for name in wanted} == wanted, f"answers by {versions}", seconds)

    def since(self, moment: float) -> Counted:
        return Counted.of(line for line in self.lines() if line["at"] >= moment)

    def post(self, url: str, body: Any) -> None:
        """One request beside, from the same pod."""
        program = "import sys, httpx; httpx.post(sys.argv[1], content=sys.argv[2], trust_env=False).raise_for_status()"
        kubectl(self.namespace, "exec", self.name, "--", "python", "-c", program, url, json.dumps(body))

    def is_over(self) -> bool:
        return bool(get(self.namespace, "pod", self.name)["status"]["phase"] in ("Succeeded", "Failed"))

    def end(self) -> Counted:
        """Lets what is under way end, and counts everything. The log of a container that has just ended may not be there for a moment."""
        known = len(self.lines())
        if not self.is_over():
            kubectl(self.namespace, "exec", self.name, "--", "sh", "-c", "kill -TERM 1")
            wait_for(self.is_over, f"{self.name} to end", 60)
            wait_for(lambda: len(self.lines()) >= known, f"the log of {self.name}", 60)
        counted = Counted.of(self.lines())
        kubectl(self.namespace, "delete", "pod", self.name, "--wait=true")
        return counted
