"""An install becomes ready by itself, answers, and runs under the profile `restricted`."""

from __future__ import annotations

from cluster.commands import found, get, run
from cluster.figures import figure
from cluster.release import COMPONENTS, Release
from cluster.traffic import Traffic


def test_both_inference_services_and_the_transformer_are_ready(release: Release) -> None:
    services = {one["metadata"]["name"]: one["status"]["conditions"] for one in found(release.namespace, "inferenceservices")}
    ready = {name: {c["type"] for c in conditions if c["status"] == "True"} for name, conditions in services.items()}
    assert ready[release.name] >= {"Ready", "PredictorReady", "TransformerReady"}
    assert ready[f"{release.name}-retrieval"] >= {"Ready", "PredictorReady"}
    images = {name: release.deployment(name)["spec"]["template"]["spec"]["containers"][0]["image"] for name in COMPONENTS}
    figure("server image of ranking, of retrieval", f"`{images['ranking']}`, `{images['retrieval']}`")


def test_a_hundred_users_get_predictions_through_the_clusters_service(release: Release) -> None:
    traffic = Traffic.begin(release.namespace, "hundred", release.url, rate=5, seconds=20, users=100)
    traffic.wait_for(lambda _: traffic.is_over(), "a hundred answers", 120)
    counted = traffic.end()
    figure("100 users, one prediction each", f"{counted.in_words}; {counted.users['known']} known users")
    assert (counted.sent, counted.failures.total(), counted.degraded.total()) == (100, 0, 0)
    assert counted.users["known"] >= 90
    assert all(len(counted.versions[name]) == 1 for name in counted.versions)


def test_helm_test_makes_a_prediction(release: Release) -> None:
    # Helm passes on what the pod said, which is gone by then, as a log of its own.
    said = run("sh", "-c", 'exec helm test "$0" --namespace "$1" 2>&1', release.name, release.namespace, seconds=600)
    assert "Phase:          Succeeded" in said
    assert '"item_id"' in said


def test_every_pod_runs_in_a_namespace_that_enforces_restricted(release: Release) -> None:
    labels = get(release.namespace, "namespace", release.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    refused = [event for event in found(release.namespace, "events") if "violates PodSecurity" in event.get("message", "")]
    assert refused == []
    pods = {pod["metadata"]["labels"].get("app.kubernetes.io/component") for pod in found(release.namespace, "pods")}
    assert pods >= {*COMPONENTS, "refresh"}
    figure("pods in a namespace that enforces `restricted`", ", ".join(sorted(filter(None, pods))))
