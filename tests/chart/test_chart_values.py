"""Values: wrong ones are refused in words that name the key, and every one of them does something."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from rendered_chart import CHART, EVERYTHING, ROOT, Chart, containers, one, pods

BROKEN = {
    "/transformer": {"transformer": {"replicas": 2}},
    "/ranking/storageUri": {"ranking": {"storageUri": "/models/ranking"}},
    "/ranking/resources/requests": {"ranking": {"resources": {"requests": {"cpu": None}}}},
    "/retrieval/server": {"retrieval": {"server": "triton"}},
    "/redis/port": {"redis": {"port": "6379"}},
    "/autoscaling/class": {"autoscaling": {"class": "kpa"}},
    "/modelName": {"modelName": "similar"},
    "/expose/host": {"expose": {"kind": "ingress"}},
    "/refresh/cronJob": {"refresh": {"cronJob": {"cron": "@daily"}}},
    "/graph/timeout_seconds": {"graph": {"timeout_seconds": 0}},
    "/graph/surfaces/home/candidates": {"graph": {"surfaces": {"home": {"candidates": "many"}}}},
    "/graph/surfaces/home/sources/0": {"graph": {"surfaces": {"home": {"sources": [{"kind": "two_tower", "limits": 3}]}}}},
    "/redis/existingSecret": {"redis": {"tls": {"enabled": True, "ca": True}}},
    "/snapshot/store": {"snapshot": {"store": "snapshots"}},
    "ranking.maxReplicas": {"ranking": {"minReplicas": 4, "maxReplicas": 2}},
}

# What a value of one of several words, or of a pattern, is changed to.
OTHER: dict[str, Any] = {
    "autoscaling.class": "keda",
    "expose.ingress.pathType": "ImplementationSpecific",
    "expose.kind": "none",
    "grpcBalancing": "service",
    "refresh.workspace.accessModes": ["ReadWriteMany"],
    "podDefaults.topologySpreadConstraints": [],
    "ranking.server": "model-server",
    "retrieval.server": "model-server",
    "ranking.storageUri": "pvc://models/ranking",
    "retrieval.storageUri": "pvc://models/retrieval",
    "snapshot.store": "s3://other/snapshots",
    "features.registry": "s3://other/registry.db",
    "features.offlineStore": "s3://other/offline",
    "batch.out": "s3://other/batch",
    "s3.endpoint": "http://minio:9000",
    "embeddings.url": "http://models:8000/v1",
    "autoscaling.keda.serverAddress": "http://prometheus:9090",
    "podDefaults.serviceAccount.name": "mine",
    "graph": {"clock": "data"},
}

# What must be so for a value to matter.
ONLY_WITH: dict[str, dict[str, Any]] = {
    "autoscaling.behavior": {"autoscaling": {"class": "external"}},
    "autoscaling.keda": {"autoscaling": {"class": "keda", "keda": {"serverAddress": "http://p:9090"}}},
    "batch.enabled": {},
    "batch": {"batch": {"enabled": True}},
    "embeddings": {"embeddings": {"url": "http://m/v1", "model": "m"}},
    "expose.httpRoute": {"expose": {"kind": "httpRoute", "host": "a.b", "httpRoute": {"parentRefs": [{"name": "x"}]}}},
    "expose": {"expose": {"kind": "ingress", "host": "a.b"}},
    "redis.image": {"trial": {"redis": {"enabled": True}}},
    "redis.resources": {"trial": {"redis": {"enabled": True}}},
    "redis.persistence": {"trial": {"redis": {"enabled": True}}},
    "redis.tls.ca": {"redis": {"existingSecret": "login", "tls": {"enabled": True}}},
    "refresh.data.subPath": {"refresh": {"data": {"existingClaim": "data"}}},
    **{f"trial.prometheus.{key}": {"trial": {"prometheus": {"enabled": True}}} for key in ("image", "resources")},
    **{f"trial.grafana.{key}": {"trial": {"grafana": {"enabled": True}}} for key in ("image", "resources")},
}


def leaves(values: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}.{key}".removeprefix(".")
        if isinstance(value, dict) and value:
            yield from leaves(value, here)
        else:
            yield here, value


def at(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(first)
    for key, value in second.items():
        found[key] = merged(found[key], value) if isinstance(value, dict) and isinstance(found.get(key), dict) else value
    return found


def another(path: str, value: Any) -> Any:
    name = path.rsplit(".", 1)[-1]
    if path in OTHER:
        return OTHER[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return ["more"] if name in ("extraArgs", "onlineViews", "args") else [{"name": "more"}]
    if isinstance(value, dict):
        return {"more": "this"}
    special = {"digest": f"sha256:{'0' * 64}", "pullPolicy": "Always", "cpu": "7", "memory": "7Gi", "size": "7Gi", "cacheSize": "7Gi"}
    return special.get(name, "another")


def context(path: str) -> dict[str, Any]:
    return next((given for start, given in ONLY_WITH.items() if f"{path}.".startswith(f"{start}.")), {})


PATHS = dict(leaves(yaml.safe_load((CHART / "values.yaml").read_text())))


@pytest.mark.parametrize("key", BROKEN)
def test_a_wrong_value_is_refused_in_words_that_name_its_key(chart: Chart, key: str) -> None:
    assert key in chart.refusal(BROKEN[key])


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith("monitoring.")])
def test_every_value_changes_what_is_rendered(chart: Chart, path: str) -> None:
    given = context(path)
    assert chart.text(merged(given, at(path, another(path, PATHS[path])))) != chart.text(given)


BLOCKS = ("transformer", "ranking", "retrieval", "refresh", "batch", "redis", "trial.prometheus", "trial.grafana")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
OF_A_POD = {
    "securityContext": {"runAsUser": 7},
    "nodeSelector": {"pool": "other"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [],
    "priorityClassName": "high",
    "podLabels": {"team": "shop"},
    "podAnnotations": {"a": "b"},
    "extraEnv": [{"name": "A", "value": "1"}],
    "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "serviceAccount": {"create": False, "name": "mine"},
}


def keys_of(block: str) -> set[str]:
    part = SCHEMA
    for key in block.split("."):
        part = part["properties"][key]
    return set(part["properties"])


@pytest.mark.parametrize(("block", "key"), [(block, key) for block in BLOCKS for key in OF_A_POD if key in keys_of(block)])
def test_every_key_of_a_pod_does_something_for_each_block_that_takes_it(chart: Chart, block: str, key: str) -> None:
    trial = {"trial": {name: {"enabled": True} for name in ("redis", "prometheus", "grafana")}, "batch": {"enabled": True}}
    assert chart.text(merged(trial, at(f"{block}.{key}", OF_A_POD[key]))) != chart.text(trial)


def test_the_defaults_of_pods_are_all_there_are() -> None:
    assert keys_of("podDefaults") == set(OF_A_POD)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_helm_finds_nothing_to_complain_of(chart: Chart, values: dict[str, Any]) -> None:
    command = [chart.helm, "lint", "--strict", "--kube-version=1.34", str(CHART), "--values", "-"]
    run = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_other_charts_globals_are_let_be(chart: Chart) -> None:
    chart.render({"global": {"storageClass": "fast"}})


def test_a_parent_chart_may_set_everything_to_its_default(chart: Chart) -> None:
    assert chart.text(yaml.safe_load((CHART / "values.yaml").read_text())) == chart.text()


def test_values_stay_readable() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    assert len(lines) <= 250


@pytest.mark.parametrize(("script", "file"), [("values_schema.py", "values.schema.json"), ("values_readme.py", "README.md")])
def test_what_is_made_from_the_values_is_up_to_date(script: str, file: str) -> None:
    made = subprocess.run([sys.executable, ROOT / "charts" / script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert (CHART / file).read_text() == made, "run `make chart-docs`"


def test_the_registry_of_global_reaches_every_image_and_the_pull_secrets_every_pod(chart: Chart) -> None:
    everywhere = {"imageRegistry": "registry.example.com/all/", "imagePullSecrets": [{"name": "pull"}]}
    rendered = chart.render({**EVERYTHING, "global": everywhere})
    for where, _, spec in pods(rendered):
        assert spec["imagePullSecrets"] == [{"name": "pull"}], where
        for container in containers(spec):
            assert container["image"].startswith("registry.example.com/all/"), where


def test_an_image_of_its_own_registry_and_a_digest(chart: Chart) -> None:
    image = {"registry": "quay.example.com", "digest": f"sha256:{'1' * 64}"}
    values = {"global": {"imageRegistry": "elsewhere"}, "ranking": {"image": image}}
    model = one(chart.render(values), "InferenceService", "recommender")["spec"]["predictor"]["model"]
    assert model["image"] == f"quay.example.com/tensorflow/serving@sha256:{'1' * 64}"


def test_a_block_says_otherwise_than_the_defaults_of_pods(chart: Chart) -> None:
    values = {
        "podDefaults": {"nodeSelector": {"pool": "all"}, "priorityClassName": "usual", "extraEnv": [{"name": "A", "value": "1"}]},
        "ranking": {"nodeSelector": {"gpu": "yes"}, "priorityClassName": "high", "extraEnv": [{"name": "B", "value": "2"}]},
    }
    rendered = chart.render(values)
    ranking, retrieval = ({"pool": "all", "gpu": "yes"}, "high", "B"), ({"pool": "all"}, "usual", "A")
    for name, expected in (("recommender", ranking), ("recommender-retrieval", retrieval)):
        predictor = one(rendered, "InferenceService", name)["spec"]["predictor"]
        assert (predictor["nodeSelector"], predictor["priorityClassName"], predictor["model"]["env"][0]["name"]) == expected


def test_a_constraint_of_ones_own_gets_the_labels_of_its_pods(chart: Chart) -> None:
    values = {"transformer": {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}]}}
    spec = one(chart.render(values), "InferenceService", "recommender")["spec"]["transformer"]
    (constraint,) = spec["topologySpreadConstraints"]
    assert constraint["labelSelector"]["matchLabels"].items() <= spec["labels"].items()


def test_the_schema_is_closed_everywhere_but_where_kubernetes_reads() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["additionalProperties"] is False
    described = {name: part for name, part in schema["properties"].items() if part.get("type") == "object"}
    assert {name for name, part in described.items() if part.get("additionalProperties") is not False} == {"global"}
