"""A broken graph is kept out."""

from __future__ import annotations

import json
import time

import pytest
from cluster.commands import CommandFailed, kubectl, raw, wait_for
from cluster.figures import figure
from cluster.release import Release
from cluster.traffic import Traffic

BROKEN = "surfaces_of_mars: 1\n"


def test_a_graph_that_the_new_image_refuses_stops_the_upgrade_before_anything_changes(release: Release) -> None:
    """The schema of the values refuses most of them earlier; what two keys must be to each other is left to the hook."""
    before = _graph(release)
    with pytest.raises(CommandFailed) as refusal:
        release.change({"graph": {"overload": {"target_ms": 4000, "refuse_ms": 3000}}})
    said = str(refusal.value)
    figure("`helm upgrade` with a broken graph", f"`{said[said.index('graph.yaml: line') :].splitlines()[0]}`")
    assert "pre-upgrade hooks failed" in said
    assert "refuse_ms: expected at least target_ms" in said
    assert _graph(release) == before


def test_a_broken_graph_that_came_past_the_hook_leaves_the_old_one_serving(release: Release) -> None:
    traffic = Traffic.begin(release.namespace, "broken-graph", release.url, rate=5)
    (version,) = traffic.lines()[-1]["graph"]
    good = _graph(release)
    try:
        began = time.time()
        _put(release, good + BROKEN)
        seen = wait_for(lambda: "recommender_graph_refused 1.0" in _metrics(release), "the refusal", 240)
        time.sleep(5)
        counted = traffic.since(began)
    finally:
        _put(release, good)
        traffic.end()
    figure("a broken graph.yaml put into the ConfigMap", f"refused after {seen:.0f} s, the old graph serves; {counted.in_words}")
    assert counted.sent > 0
    assert (counted.failures, counted.degraded, set(counted.versions["graph"])) == ({}, {}, {version})


def _graph(release: Release) -> str:
    return kubectl(release.namespace, "get", "configmap", f"{release.name}-graph", "--output", r"jsonpath={.data.graph\.yaml}")


def _put(release: Release, graph: str) -> None:
    """Past Helm."""
    patch = json.dumps({"data": {"graph.yaml": graph}})
    kubectl(release.namespace, "patch", "configmap", f"{release.name}-graph", "--type=merge", f"--patch={patch}")


def _metrics(release: Release) -> str:
    pod = release.ready_pods("transformer")[0]["metadata"]["name"]
    return raw(f"/api/v1/namespaces/{release.namespace}/pods/{pod}:8080/proxy/metrics")
