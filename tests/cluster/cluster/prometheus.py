"""A Prometheus behind a Service, asked through the API server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cluster.commands import raw


@dataclass(frozen=True)
class Prometheus:
    namespace: str
    service: str

    @classmethod
    def named(cls, text: str) -> Prometheus:
        """`namespace/service`, listening on 9090."""
        namespace, service = text.split("/")
        return cls(namespace, service)

    def query(self, text: str) -> list[dict[str, Any]]:
        """The instant vector."""
        found: list[dict[str, Any]] = self._ask("query", query=text)["result"]
        return found

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self._ask("alerts")["alerts"] if alert["state"] == "firing"}

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        path = f"/api/v1/namespaces/{self.namespace}/services/{self.service}:9090/proxy/api/v1/{what}"
        data: dict[str, Any] = json.loads(raw(f"{path}?{urlencode(parameters)}" if parameters else path))["data"]
        return data
