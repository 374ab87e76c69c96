"""What changes under traffic, on purpose or by accident, costs no request and no part of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from cluster.commands import found, kubectl
from cluster.figures import figure
from cluster.release import COMPONENTS, Release, replicas
from cluster.traffic import Counted, Traffic

RATE = 10
PAIR = dict.fromkeys(COMPONENTS, 2)


@pytest.fixture(scope="module")
def pairs(release: Release) -> Release:
    """Two of each, which stay with the snapshot that there is."""
    release.change(replicas(2, 2, 2), {"snapshot": {"pin": _pointer(release)}})
    release.settle(**PAIR)
    return release


@pytest.fixture(scope="module")
def traffic(pairs: Release) -> Iterator[Traffic]:
    """On the node of Redis, which is not taken away."""
    (redis,) = pairs.pods("redis")
    traffic = Traffic.begin(pairs.namespace, "steady", pairs.url, RATE, node=redis["spec"]["nodeName"])
    yield traffic
    traffic.end()


class Watched:
    """What came of the requests from here on."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic, self._began = traffic, time.time()

    def until_now(self) -> Counted:
        """With some seconds after the last pod has gone, in which a client would find what is no longer there."""
        time.sleep(8)
        return self._traffic.since(self._began)


def nothing_was_lost(counted: Counted) -> None:
    assert counted.sent > 50
    assert counted.failures == {}
    assert counted.degraded == {}


def test_a_new_version_of_the_ranking_model(pairs: Release, traffic: Traffic) -> None:
    watched = Watched(traffic)
    pairs.change({"ranking": {"storageUri": "pvc://models/ranking/second"}})
    traffic.wait_for_versions(ranking="2")
    pairs.settle(**PAIR)
    counted = watched.until_now()
    figure("`helm upgrade` to another version of ranking", f"{counted.in_words}; versions {dict(counted.versions['ranking'])}")
    nothing_was_lost(counted)
    assert set(counted.versions["ranking"]) == {"1", "2"}


def test_a_new_snapshot_and_back_by_a_rollback_that_leaves_the_pointer(pairs: Release, traffic: Traffic) -> None:
    (old,) = traffic.lines()[-1]["snapshot"]
    new = _refreshed(pairs, traffic)
    watched = Watched(traffic)
    pairs.change({"snapshot": {"pin": new}})
    traffic.wait_for_versions(snapshot=new)
    pairs.settle(**PAIR)
    forward = watched.until_now()
    figure("`helm upgrade` to another snapshot", f"{forward.in_words}; versions {dict(forward.versions['snapshot'])}")
    watched = Watched(traffic)
    pairs.helm("rollback", pairs.name)
    traffic.wait_for_versions(snapshot=old)
    pairs.settle(**PAIR)
    back = watched.until_now()
    figure("`helm rollback`", f"{back.in_words}; versions {dict(back.versions['snapshot'])}; the pointer stays at {new}")
    for counted in (forward, back):
        nothing_was_lost(counted)
        assert set(counted.versions["snapshot"]) == {old, new}
    wait_for_jobs(pairs)
    assert _pointer(pairs) == new


@pytest.mark.parametrize("component", ["ranking", "transformer"])
def test_a_pod_that_is_deleted(pairs: Release, traffic: Traffic, component: str) -> None:
    watched = Watched(traffic)
    kubectl(pairs.namespace, "delete", "pod", pairs.ready_pods(component)[0]["metadata"]["name"], "--wait=false")
    pairs.settle(**PAIR)
    counted = watched.until_now()
    figure(f"a {component} pod is deleted", counted.in_words)
    nothing_was_lost(counted)


def test_a_node_that_is_drained(pairs: Release, traffic: Traffic) -> None:
    (redis,) = pairs.pods("redis")
    nodes = {pod["spec"]["nodeName"] for name in COMPONENTS for pod in pairs.pods(name)} - {redis["spec"]["nodeName"]}
    if not nodes:
        pytest.skip("needs a second node with pods of the release")
    node, watched = nodes.pop(), Watched(traffic)
    # The release's pods alone: what others run there is not this test's to move.
    ours = f"app.kubernetes.io/instance={pairs.name}"
    try:
        kubectl(pairs.namespace, "drain", node, f"--pod-selector={ours}", "--delete-emptydir-data", "--timeout=400s", seconds=410)
        left = [pod["metadata"]["name"] for name in COMPONENTS for pod in pairs.pods(name) if pod["spec"]["nodeName"] == node]
        pairs.settle(**PAIR)
        counted = watched.until_now()
    finally:
        kubectl(pairs.namespace, "uncordon", node)
    figure("a node is drained", counted.in_words)
    assert left == []
    nothing_was_lost(counted)


def test_the_only_ranking_pod_is_killed(pairs: Release, traffic: Traffic) -> None:
    pairs.change(replicas(2, 2, 1))
    pairs.settle(transformer=2, retrieval=2, ranking=1)
    watched = Watched(traffic)
    kubectl(pairs.namespace, "delete", "pod", pairs.ready_pods("ranking")[0]["metadata"]["name"], "--grace-period=1")
    pairs.settle(transformer=2, retrieval=2, ranking=1)
    traffic.wait_for(lambda line: line["degraded"] == {}, "answers with the ranker", 60)
    counted = watched.until_now()
    figure("the only ranking pod is killed", counted.in_words)
    assert counted.failures == {}
    assert set(counted.degraded) == {"ranker"}


def _refreshed(release: Release, traffic: Traffic) -> str:
    """Something happens, and the next refresh knows it: the name of the snapshot that it publishes."""
    before = _pointer(release)
    traffic.post(release.events_url, {"events": [{"user_id": "u00001", "item_id": "i00001", "type": "rating", "value": 5.0}]})
    release.refresh()
    after = _pointer(release)
    assert after != before
    return after


def _pointer(release: Release) -> str:
    """As a transformer sees it."""
    program = "import os; from inference_graph.snapshots import SnapshotStore as S; print(S(os.environ['SNAPSHOT_STORE'], None).current())"
    pod = release.ready_pods("transformer")[0]["metadata"]["name"]
    return kubectl(release.namespace, "exec", pod, "--", "python", "-c", program).strip()


def wait_for_jobs(release: Release) -> None:
    for job in found(release.namespace, "jobs", "--selector", f"app.kubernetes.io/instance={release.name}"):
        kubectl(release.namespace, "wait", f"job/{job['metadata']['name']}", "--for=condition=Complete", "--timeout=300s", seconds=310)
