"""`inference-graph status` against a Kubernetes API: what runs, whether it is healthy, why not, and what differs from the release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from fake_kubernetes import FakeKubernetes, helm_secret, reached
from recorded_cluster import RELEASE, healthy_cluster, record, warning

from inference_graph.cli.main import run

TRANSFORMER, RANKING = f"{RELEASE}-transformer", f"{RELEASE}-predictor"
POD = f"{RANKING}-7d4b9c-aa"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    with reached(healthy_cluster(), tmp_path, monkeypatch) as fake:
        yield fake
    assert fake.writes == []


def looked_at(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """The one release, as JSON; its exit status is checked against what it says."""
    code = run(["status", "--json", *arguments])
    shown = capsys.readouterr()
    assert shown.err == ""
    (found,) = json.loads(shown.out)["releases"]
    assert code == (0 if found["healthy"] else 1)
    return found


def stop_being_ready(fake: FakeKubernetes, name: str = POD, **container: object) -> None:
    """One of two pods of the ranking Deployment."""
    pod = fake.get("Pod", name)
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"
    pod["status"]["containerStatuses"][0] |= {"ready": False, **container}
    fake.get("Deployment", RANKING)["status"] |= {"readyReplicas": 1}


def test_a_healthy_release_says_what_runs_where_in_which_version(cluster, capsys):
    found = looked_at(capsys)
    assert found["healthy"]
    assert (found["problems"], found["drift"], found["notes"]) == ([], [], [])
    rows = {workload["component"]: workload for workload in found["workloads"]}
    assert rows.keys() == {"transformer", "ranking", "retrieval"}
    assert rows["ranking"]["versions"] == ["12"]
    assert rows["retrieval"]["versions"] == ["7"]
    assert rows["ranking"]["model"] == "s3://models/ranking/2026-11-20"
    assert rows["ranking"]["images"] == ["tensorflow/serving:2.19.1"]
    assert rows["transformer"]["versions"] == ["graph 5d1e", "ranking 12", "retrieval 7", "snapshot c0ffee"]
    assert (rows["transformer"]["ready"], rows["transformer"]["wanted"]) == (2, 2)
    assert rows["transformer"]["scaling"] == "2 to 10, cpu 31% of 60%"
    assert found["revision"]["chart"] == "recommender-0.1.0"
    assert found["refresh"].endswith(f"newest Job {RELEASE}-refresh-1a2b3c: complete")


def test_people_read_the_same_in_words(cluster, capsys):
    assert run(["status", RELEASE, "-n", "shop"]) == 0
    shown = capsys.readouterr().out
    assert "recommender in namespace shop: healthy" in shown
    assert "revision 1 (deployed) of chart recommender-0.1.0" in shown
    assert "snapshot c0ffee" in shown


def test_a_ready_service_whose_transformer_is_not_ready_is_not_healthy(cluster, capsys):
    conditions = cluster.get("InferenceService", RELEASE)["status"]["conditions"]
    broken = next(condition for condition in conditions if condition["type"] == "TransformerReady")
    broken |= {"status": "False", "reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability."}
    assert looked_at(capsys)["problems"] == [
        f"InferenceService {RELEASE}: TransformerReady is False: MinimumReplicasUnavailable: Deployment does not have minimum availability."
    ]


def test_a_service_without_a_status_asks_for_the_controller(cluster, capsys):
    del cluster.get("InferenceService", RELEASE)["status"]
    assert any("does KServe's controller run" in problem for problem in looked_at(capsys)["problems"])


def test_a_missing_runtime_is_named(cluster, capsys):
    failure = {"reason": "NoSupportingRuntime", "message": "no runtime found to support specified framework"}
    cluster.get("InferenceService", RELEASE)["status"]["modelStatus"] = {"transitionStatus": "InvalidSpec", "lastFailureInfo": failure}
    assert looked_at(capsys)["problems"] == [
        f"InferenceService {RELEASE}: no ServingRuntime serves its model format: is the release's ServingRuntime there?"
    ]


def test_a_model_that_does_not_load_says_why(cluster, capsys):
    failure = {"reason": "ModelLoadFailed", "message": "no such bucket", "exitCode": 1}
    cluster.get("InferenceService", RELEASE)["status"]["modelStatus"] = {
        "transitionStatus": "BlockedByFailedLoad",
        "lastFailureInfo": failure,
    }
    assert "its model does not load (BlockedByFailedLoad): ModelLoadFailed no such bucket" in looked_at(capsys)["problems"][0]


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}},
            "its image cannot be pulled (ImagePullBackOff): Back-off",
        ),
        (
            {"state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "redis" not found'}}},
            'a Secret or ConfigMap that it names is missing (CreateContainerConfigError): secret "redis" not found',
        ),
        (
            {
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
            },
            "it ends again and again (CrashLoopBackOff, 4 restarts): it was killed because it needed more memory than its limit",
        ),
        (
            {"restartCount": 1, "lastState": {"terminated": {"reason": "Error", "exitCode": 255, "message": "no versions\nof servable"}}},
            "it ended with exit status 255: no versions of servable (1 restarts)",
        ),
    ],
)
def test_a_pod_that_does_not_serve_says_why(cluster, capsys, container, words):
    stop_being_ready(cluster, **container)
    problems = looked_at(capsys)["problems"]
    assert f"{RANKING}: 1 of 2 pods are ready" in problems
    assert f"pod {POD} container kserve-container: {words}" in problems


def test_a_pod_that_runs_and_is_not_ready_gives_its_probes_words(cluster, capsys):
    stop_being_ready(cluster)
    cluster.put(warning("Pod", POD, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 7))
    words = "runs and is not ready: Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503 (7 times)"
    assert f"pod {POD} container kserve-container {words}" in looked_at(capsys)["problems"]


def test_a_failed_download_of_a_model_is_the_initialisers_words(cluster, capsys):
    stop_being_ready(cluster, state={"waiting": {"reason": "PodInitializing"}})
    ended = {"exitCode": 1, "reason": "Error", "message": "Failed to fetch model: AccessDenied"}
    status = {"name": "storage-initializer", "ready": False, "restartCount": 2, "state": {"terminated": ended}}
    cluster.get("Pod", POD)["status"]["initContainerStatuses"] = [status]
    words = "container storage-initializer: it ended with exit status 1: Failed to fetch model: AccessDenied (2 restarts)"
    assert f"pod {POD} {words}" in looked_at(capsys)["problems"]


def test_a_pod_without_a_node_gives_the_schedulers_words(cluster, capsys):
    stop_being_ready(cluster)
    pod = cluster.get("Pod", POD)
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: 3 Insufficient cpu."}
    pod["status"] = {"phase": "Pending", "conditions": [scheduled]}
    assert f"pod {POD} has no node: 0/3 nodes: 3 Insufficient cpu." in looked_at(capsys)["problems"]


def test_a_pod_that_leaves_is_no_problem(cluster, capsys):
    stop_being_ready(cluster)
    cluster.get("Pod", POD)["metadata"]["deletionTimestamp"] = "2026-11-20T11:00:00Z"
    cluster.get("Deployment", RANKING)["status"]["readyReplicas"] = 2
    assert looked_at(capsys)["healthy"]


def test_pods_that_may_not_be_made_are_the_replica_sets_words(cluster, capsys):
    message = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
    cluster.get("Deployment", RANKING)["status"]["conditions"] += [{"type": "ReplicaFailure", "status": "True", "message": message}]
    assert f"{RANKING}: no pod can be made: {message}" in looked_at(capsys)["problems"]


def test_a_rollout_under_way_shows_both_versions(cluster, capsys):
    cluster.get("Deployment", RANKING)["status"]["updatedReplicas"] = 1
    cluster.proxied[POD, "/v1/models/ranking"] = {"model_version_status": [{"version": "13", "state": "AVAILABLE"}]}
    found = looked_at(capsys)
    assert f"{RANKING}: a rollout is under way: 1 of 2 pods are of the newest template" in found["problems"]
    assert next(workload["versions"] for workload in found["workloads"] if workload["component"] == "ranking") == ["12", "13"]


def test_a_scaler_that_cannot_measure_points_at_metrics_server(cluster, capsys):
    message = "the HPA was unable to compute the replica count: unable to get metrics from resource metrics API"
    inactive = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": message}
    cluster.get("HorizontalPodAutoscaler", RANKING)["status"]["conditions"] = [inactive]
    (problem,) = looked_at(capsys)["problems"]
    assert problem.startswith(f"HorizontalPodAutoscaler {RANKING} cannot scale: FailedGetResourceMetric: {message}")
    assert problem.endswith("--preflight`)?")


def test_a_scaler_at_its_maximum_is_a_note(cluster, capsys):
    limited = {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}
    cluster.get("HorizontalPodAutoscaler", RANKING)["status"]["conditions"] += [limited]
    found = looked_at(capsys)
    assert found["healthy"]
    assert found["notes"] == [f"{RANKING} is at its maximum of 10 pods and wants more"]


def test_a_failed_refresh_is_a_problem_until_a_later_one_succeeds(cluster, capsys):
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
    }
    job = deepcopy(cluster.get("Job", f"{RELEASE}-refresh-1a2b3c"))
    job["metadata"] |= {"name": "later", "creationTimestamp": "2026-11-20T10:17:00Z"}
    cluster.put({**job, "status": {"conditions": [failed]}})
    assert looked_at(capsys)["problems"] == ["Job later failed: BackoffLimitExceeded: Job has reached the specified backoff limit"]
    job["metadata"] |= {"name": "latest", "creationTimestamp": "2026-11-20T11:17:00Z"}
    cluster.put(job)
    assert looked_at(capsys)["healthy"]


def test_drift_names_the_field_and_both_values(cluster, capsys):
    service = cluster.get("InferenceService", RELEASE)
    service["spec"]["predictor"]["minReplicas"] = 5
    service["spec"]["transformer"]["containers"][0]["image"] = "registry.example/other:1"
    cluster.remove("InferenceService", f"{RELEASE}-retrieval")
    cluster.get("ConfigMap", f"{RELEASE}-graph")["data"]["graph.yaml"] = "clock: data\n"
    found = looked_at(capsys)
    path, image = "spec.transformer.containers[kserve-container].image", "registry.example/inference-graph/transformer:0.1.0"
    assert found["drift"] == [
        f"InferenceService {RELEASE}: spec.predictor.minReplicas is 5, the release says 2",
        f"InferenceService {RELEASE}: {path} is registry.example/other:1, the release says {image}",
        f"InferenceService {RELEASE}-retrieval: the release has it, the cluster does not",
        f"ConfigMap {RELEASE}-graph: data.graph.yaml differs from the release",
    ]


def test_what_the_cluster_adds_or_writes_in_its_own_way_is_no_drift(cluster, capsys):
    service = cluster.get("InferenceService", RELEASE)
    service["spec"]["predictor"]["model"] |= {"runtime": "recommender-tf-serving", "name": ""}
    service["spec"]["transformer"]["containers"][0]["resources"]["requests"]["cpu"] = "1"
    service["metadata"]["annotations"] = {"added": "by somebody"}
    assert looked_at(capsys)["drift"] == []


def test_a_changed_secret_is_named_and_never_shown(cluster, capsys):
    cluster.get("Secret", f"{RELEASE}-trial")["data"]["password"] = "aHVudGVyMg=="
    (line,) = looked_at(capsys)["drift"]
    assert line == f"Secret {RELEASE}-trial: data.password differs from the release"


def test_a_revision_that_failed_is_a_problem(cluster, capsys):
    cluster.put(helm_secret(record(2, "failed", "Upgrade failed: pre-upgrade hooks failed")))
    assert looked_at(capsys)["problems"] == ["revision 2 is failed: Upgrade failed: pre-upgrade hooks failed"]


def test_one_who_may_not_read_secrets_or_events_still_sees_the_rest(cluster, capsys):
    cluster.refused += ["/api/v1/namespaces/shop/secrets", "/api/v1/namespaces/shop/events"]
    found = looked_at(capsys, RELEASE)
    assert found["healthy"]
    assert found["revision"] is None
    assert [note.partition(",")[0] for note in found["notes"]] == ["Helm's records could not be read", "events could not be read"]


def test_a_release_from_plain_manifests_has_no_drift_and_says_so(cluster, capsys):
    cluster.remove("Secret", f"sh.helm.release.v1.{RELEASE}.v1")
    found = looked_at(capsys)
    assert (found["release"], found["healthy"], found["drift"]) == (RELEASE, True, [])
    assert found["notes"] == ["not installed by Helm: there is no release to compare with"]


def test_a_pod_that_cannot_be_asked_leaves_its_version_open(cluster, capsys):
    cluster.proxied = {key: value for key, value in cluster.proxied.items() if "metrics" not in key[1]}
    cluster.proxied[POD, "/v1/models/ranking"] = "<html>"
    found = looked_at(capsys)
    assert found["healthy"]
    transformer, ranking = found["notes"]
    assert "does not answer /metrics on port 8080 (error forwarding port 8080" in transformer
    assert ranking == f"ranking: its version is not known: pod {POD} does not answer as a model server does: <html>"


def test_a_pod_that_one_may_not_reach_leaves_its_version_open(cluster, capsys):
    cluster.refused += [f"/api/v1/namespaces/shop/pods/{POD}/portforward"]
    (note,) = looked_at(capsys)["notes"]
    assert note.startswith(f"ranking: its version is not known: pod {POD} cannot be asked: Handshake status 403")


def test_an_unknown_release_is_an_error_that_names_those_there_are(cluster, capsys):
    assert run(["status", "recomender"]) == 1
    assert "no release 'recomender' in namespace 'shop'" in (shown := capsys.readouterr().err)
    assert shown.endswith("there are: recommender\n")


def test_an_empty_namespace_is_not_healthy(cluster, capsys):
    assert run(["status", "-n", "elsewhere"]) == 1
    assert "no release of the recommender in namespace elsewhere" in capsys.readouterr().out


def test_a_cluster_without_kserve_has_no_releases(cluster, capsys):
    del cluster.kinds["serving.kserve.io/v1beta1"]
    cluster.objects = {path: one for path, one in cluster.objects.items() if one["kind"] != "InferenceService"}
    found = looked_at(capsys)
    assert f"the cluster has no InferenceService of release {RELEASE}" in found["problems"]
    assert found["drift"][0] == f"InferenceService {RELEASE}: the release has it, the cluster does not"


def test_a_context_that_is_not_there_is_one_line(cluster, capsys):
    assert run(["status", "--context", "production"]) == 1
    assert capsys.readouterr().err.startswith("error: no context 'production'")
