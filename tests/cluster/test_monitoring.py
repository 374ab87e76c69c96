"""Every query of every dashboard finds something in a Prometheus that scraped the graph under load."""

from __future__ import annotations

import math
import os
import time

import pytest
from cluster.commands import apply, get, kubectl
from cluster.figures import figure
from cluster.prometheus import Prometheus
from cluster.release import Release
from cluster.traffic import Traffic

from monitoring.files import dashboards, queries

RATE_INTERVAL, LOAD_SECONDS = "2m", 150


def test_no_panel_of_a_dashboard_is_empty_under_load(release: Release) -> None:
    if "CLUSTER_PROMETHEUS" not in os.environ:
        pytest.skip("CLUSTER_PROMETHEUS=namespace/service names a Prometheus that also scrapes kube-state-metrics and the kubelets")
    prometheus = Prometheus.named(os.environ["CLUSTER_PROMETHEUS"])
    if rules := os.environ.get("CLUSTER_RULES"):
        _evaluate(rules, release)
    traffic = Traffic.begin(release.namespace, "panels", release.url, rate=5)
    traffic.post(release.events_url, {"events": [{"user_id": "u00001", "item_id": "i00001", "type": "view"}]})
    time.sleep(LOAD_SECONDS)
    counted = traffic.end()
    asked = [
        (f"{name} / {panel}", _filled(text, release))
        for name, dashboard in dashboards().items()
        for panel, text, _ in queries(dashboard)
    ]
    empty = [where for where, query in asked if not any(math.isfinite(float(one["value"][1])) for one in prometheus.query(query))]
    figure("every query of every panel, under load", f"{len(asked)} queries, empty: {', '.join(empty) or 'none'}; {counted.in_words}")
    assert empty == []



def _filled(text: str, release: Release) -> str:
    return text.replace("$namespace", release.namespace).replace("$release", release.name).replace("$__rate_interval", RATE_INTERVAL)


def _evaluate(rules: str, release: Release) -> None:
    """Puts the release's rules where that Prometheus reads them, as its keeper would, and starts it again."""
    namespace, name, deployment = rules.split("/")
    data = get(release.namespace, "configmap", f"{release.name}-rules")["data"]
    apply(namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
    kubectl(namespace, "rollout", "restart", f"deployment/{deployment}")
    kubectl(namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=120s", seconds=130)
