"""Load takes the ranking model from one pod to more, which share the calls, and back."""

from __future__ import annotations

import time

from cluster.commands import wait_for
from cluster.figures import figure
from cluster.release import ALONE, Release, ready_since, replicas
from cluster.traffic import Traffic

RATE = 20
SETTLING_SECONDS, WINDOW_SECONDS, BACK_SECONDS = 30, 60, 180


def test_load_makes_ranking_pods_that_share_the_calls_and_go_again(release: Release) -> None:
    # A small request: scaling looks at the share of it that is used, and the load need not be heavy.
    release.change(replicas(1, 1, 1, ranking=3), {"ranking": {"resources": {"requests": {"cpu": "50m"}}}})
    release.settle(transformer=1, retrieval=1, ranking=1)
    traffic = Traffic.begin(release.namespace, "scaling", release.url, RATE)
    began = time.time()
    scaled = wait_for(lambda: len(release.ready_pods("ranking")) >= 2, "a second ranking pod", 180)
    # The window begins when no pod has become ready for a while: one more may still be on its way.
    wait_for(lambda: time.time() - max(map(ready_since, release.ready_pods("ranking"))) >= SETTLING_SECONDS, "calm", 180)
    pods = [pod["metadata"]["name"] for pod in release.ready_pods("ranking")]
    before = {pod: release.model_calls(pod) for pod in pods}
    time.sleep(WINDOW_SECONDS)
    calls = {pod: release.model_calls(pod) - before[pod] for pod in pods}
    counted = traffic.end()
    back = wait_for(lambda: len(release.pods("ranking", leaving=True)) == 1, "one ranking pod", BACK_SECONDS)
    shares = ", ".join(f"{100 * count / sum(calls.values()):.0f} %" for count in calls.values())
    seconds = time.time() - began - back
    figure(
        f"{RATE} requests a second for {seconds:.0f} s, ranking from 1 to at most 3 pods",
        f"second pod ready after {scaled:.0f} s; {len(pods)} pods with {shares} of the calls; one again {back:.0f} s after the load; "
        f"{counted.in_words}",
    )
    release.change(ALONE)
    assert counted.sent > RATE * WINDOW_SECONDS
    assert counted.failures == {}
    assert len(pods) >= 2
    assert min(calls.values()) >= 0.5 / len(pods) * sum(calls.values()), calls
