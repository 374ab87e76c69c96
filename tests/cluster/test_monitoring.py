"""A ranker that is gone is told by the real Prometheus, and no panel of a dashboard is empty under load."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator

import pytest
from cluster.commands import apply, get, kubectl, wait_for
from cluster.figures import figure
from cluster.prometheus import Prometheus
from cluster.release import ALONE, Release, ready_since
from cluster.traffic import Traffic

from monitoring.files import dashboards, queries

pytestmark = pytest.mark.aside

RATE_INTERVAL = "2m"
LOAD_SECONDS, EVENT_SECONDS = 150, 60
"""How long there must have been requests, and how long ago an event, before every panel can show something."""


@pytest.fixture(scope="module")
def traffic(release: Release) -> Iterator[Traffic]:
    """A little, for all three: Prometheus forgets slowly, so that what one test has seen of it helps the next."""
    if rules := os.environ.get("CLUSTER_RULES"):
        _evaluate(rules, release)
    release.change(ALONE)
    release.settle(transformer=1, retrieval=1, ranking=1)
    traffic = Traffic.begin(release.namespace, "light", release.url, rate=5)
    yield traffic
    traffic.end()


def test_a_ranker_that_is_gone_costs_no_request_and_fires_the_right_alert(release: Release, traffic: Traffic) -> None:
    prometheus = Prometheus(release.namespace, f"{release.name}-prometheus")
    quiet = prometheus.firing()
    deployment = f"deployment/{release.deployment_name('ranking')}"
    began = time.time()
    try:
        kubectl(release.namespace, "scale", deployment, "--replicas=0")
        fired = wait_for(lambda: "RecommenderModelMissing" in prometheus.firing(), "the alert", 420)
        counted, names = traffic.since(began), prometheus.firing()
    finally:
        kubectl(release.namespace, "scale", deployment, "--replicas=1")
        release.settle(transformer=1, retrieval=1, ranking=1)
    # However long it was gone, it is found soon.
    traffic.wait_for(lambda line: line["degraded"] == {}, "answers with the ranker", 15)
    figure("every ranking pod is taken away", f"RecommenderModelMissing fires after {fired:.0f} s; {counted.in_words}")
    assert "RecommenderModelMissing" not in quiet
    # Two cores for all of it may well be slow; nothing else is wrong.
    assert names - {"RecommenderLatencyBudgetBurn"} <= {"RecommenderModelMissing", "RecommenderDegraded"}
    assert counted.failures == {}
    assert set(counted.degraded) == {"ranker"}


def test_no_panel_of_a_dashboard_is_empty_under_load(release: Release, traffic: Traffic) -> None:
    if "CLUSTER_PROMETHEUS" not in os.environ:
        pytest.skip("CLUSTER_PROMETHEUS=namespace/service names a Prometheus that also scrapes kube-state-metrics and the kubelets")
    prometheus, began = Prometheus.named(os.environ["CLUSTER_PROMETHEUS"]), time.time()
    since = traffic.lines()[0]["at"]
    traffic.post(release.events_url, {"events": [{"user_id": "u00001", "item_id": "i00001", "type": "view"}]})
    time.sleep(max(EVENT_SECONDS, LOAD_SECONDS - (began - since)))
    counted = traffic.since(began)
    asked = [
        (f"{name} / {panel}", _filled(text, release)) for name, dashboard in dashboards().items() for panel, text, _ in queries(dashboard)
    ]
    empty = [where for where, query in asked if not any(math.isfinite(float(one["value"][1])) for one in prometheus.query(query))]
    figure("every query of every panel, under load", f"{len(asked)} queries, empty: {', '.join(empty) or 'none'}; {counted.in_words}")
    assert empty == []
    assert (counted.failures, counted.degraded) == ({}, {})


def test_the_alert_ends_when_a_ranker_is_back(release: Release, traffic: Traffic) -> None:
    """Looked at last, so that nobody waits for it alone."""
    prometheus = Prometheus(release.namespace, f"{release.name}-prometheus")
    assert prometheus.query('last_over_time(ALERTS{alertname="RecommenderModelMissing", alertstate="firing"}[15m])'), "it has not fired"
    wait_for(lambda: "RecommenderModelMissing" not in prometheus.firing(), "the alert's end", 300)
    (pod,) = release.ready_pods("ranking")
    figure("RecommenderModelMissing has ended", f"at most {time.time() - ready_since(pod):.0f} s after a ranking pod was back")


def _filled(text: str, release: Release) -> str:
    return text.replace("$namespace", release.namespace).replace("$release", release.name).replace("$__rate_interval", RATE_INTERVAL)


def _evaluate(rules: str, release: Release) -> None:
    """Puts the release's rules where that Prometheus reads them, as its keeper would, and starts it again."""
    namespace, name, deployment = rules.split("/")
    data = get(release.namespace, "configmap", f"{release.name}-rules")["data"]
    apply(namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
    kubectl(namespace, "rollout", "restart", f"deployment/{deployment}")
    kubectl(namespace, "rollout", "status", f"deployment/{deployment}", "--timeout=120s", seconds=130)
