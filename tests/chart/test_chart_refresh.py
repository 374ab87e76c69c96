"""Refresh runs once for each thing it would do, and again by the clock."""

from __future__ import annotations

from typing import Any

from rendered_chart import Chart, environment, of_kind, one


def job(rendered: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (o for o in of_kind(rendered, "Job") if "-refresh-" in o["metadata"]["name"])
    return found


def command(spec: dict[str, Any]) -> list[str]:
    words: list[str] = spec["template"]["spec"]["containers"][0]["command"]
    return words


def test_another_spec_is_another_job_and_the_same_is_the_same(chart: Chart) -> None:
    names = [
        job(chart.render(values))["metadata"]["name"]
        for values in (None, {"transformer": {"minReplicas": 3}}, {"refresh": {"image": {"tag": "2"}}}, {"snapshot": {"store": "s3://new/place"}})
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_a_job_that_a_rollback_brings_back_says_which_run_it_was(chart: Chart) -> None:
    """So that it does not move the pointer again; the clock's runs always may."""
    for values in (None, {"refresh": {"image": {"tag": "2"}}}):
        rendered = chart.render(values)
        found = job(rendered)
        assert f"--once={found['metadata']['name'].rsplit('-', 1)[1]}" in command(found["spec"])
        clock = one(rendered, "CronJob", "recommender-refresh")["spec"]["jobTemplate"]["spec"]
        assert not any(word.startswith("--once") for word in command(clock))


def test_the_job_is_no_hook_so_that_an_install_does_not_wait_for_it(chart: Chart) -> None:
    assert "annotations" not in job(chart.render())["metadata"]


def test_the_clock_does_what_the_job_does_one_at_a_time(chart: Chart) -> None:
    rendered = chart.render({"refresh": {"data": {"existingClaim": "films"}}})
    clock = one(rendered, "CronJob", "recommender-refresh")["spec"]
    spec = job(rendered)["spec"]
    spec["template"]["spec"]["containers"][0]["command"] = [word for word in command(spec) if not word.startswith("--once=")]
    assert clock["jobTemplate"]["spec"] == spec
    assert clock["concurrencyPolicy"] == "Forbid"


def test_data_of_a_claim_is_prepared_before_each_run(chart: Chart) -> None:
    spec = job(chart.render({"refresh": {"data": {"existingClaim": "films", "subPath": "ml"}}}))["spec"]["template"]["spec"]
    (prepare,) = spec["initContainers"]
    assert prepare["command"] == ["inference-graph", "data", "prepare", "/data"]
    assert {"name": "data", "mountPath": "/data", "readOnly": True, "subPath": "ml"} in prepare["volumeMounts"]
    built_in = job(chart.render({"refresh": {"data": {"synthetic": True}}}))["spec"]["template"]["spec"]
    assert built_in["initContainers"][0]["command"] == ["inference-graph", "data", "prepare"]
    assert "initContainers" not in job(chart.render())["spec"]["template"]["spec"]


def test_refresh_and_transformer_agree_on_where_things_are(chart: Chart) -> None:
    rendered = chart.render({"snapshot": {"pin": "abc"}})
    writes = environment(job(rendered)["spec"]["template"]["spec"]["containers"][0])
    reads = environment(one(rendered, "InferenceService", "recommender")["spec"]["transformer"]["containers"][0])
    for name in ("REDIS_URL", "REDIS_PREFIX", "SNAPSHOT_STORE", "FEATURE_REGISTRY", "FEATURE_PROJECT"):
        assert writes[name] == reads[name]


def test_another_pin_is_kept_by_what_refreshes_and_runs_nothing_anew(chart: Chart) -> None:
    plain, pinned = chart.render(), chart.render({"snapshot": {"pin": "abc"}})
    assert job(pinned) == job(plain)
    (pin,) = (each for each in job(pinned)["spec"]["template"]["spec"]["containers"][0]["env"] if each["name"] == "SNAPSHOT_PIN")
    kept = pin["valueFrom"]["configMapKeyRef"]
    assert one(pinned, "ConfigMap", kept["name"])["data"][kept["key"]] == "abc"


def test_what_is_kept_between_runs_outlives_the_release(chart: Chart) -> None:
    rendered = chart.render({"trial": {"redis": {"enabled": True}}})
    claims = {o["metadata"]["name"]: o["metadata"]["annotations"] for o in of_kind(rendered, "PersistentVolumeClaim")}
    assert claims == {f"recommender-{name}": {"helm.sh/resource-policy": "keep"} for name in ("workspace", "redis")}
    assert of_kind(chart.render({"refresh": {"workspace": {"existingClaim": "mine"}}}), "PersistentVolumeClaim") == []


def test_an_endpoint_for_embeddings_is_agreed_to_by_naming_it(chart: Chart) -> None:
    values = {"embeddings": {"url": "http://models/v1", "model": "small", "existingSecret": "key"}}
    container = job(chart.render(values))["spec"]["template"]["spec"]["containers"][0]
    expected = {"EMBEDDINGS_URL": "http://models/v1", "EMBEDDINGS_MODEL": "small", "EMBEDDINGS_YES": "1"}
    assert environment(container).items() >= expected.items()
    assert {"name": "OPENAI_API_KEY", "valueFrom": {"secretKeyRef": {"name": "key", "key": "OPENAI_API_KEY"}}} in container["env"]
    assert "EMBEDDINGS_URL" not in environment(job(chart.render())["spec"]["template"]["spec"]["containers"][0])
