"""What goes on a cluster without Helm is the chart's, and every overlay builds."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered_chart import ROOT, TOOLS, containers, environment, of_kind, one, pods, tool

KUSTOMIZE = ROOT / "kustomize"
OVERLAYS = ("local", "staging", "production")


def built(folder: Path) -> list[dict[str, Any]]:
    run = subprocess.run([tool("kustomize"), "build", str(folder)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [found for found in yaml.load_all(run.stdout, yaml.CSafeLoader) if found]


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}


def test_base_and_redis_are_what_the_chart_renders(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(tool('helm')).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([sys.executable, str(KUSTOMIZE / "render.py"), str(tmp_path)], check=True, env=environment)
    for folder in ("base", "components/redis"):
        assert files(KUSTOMIZE / folder) == files(tmp_path / folder), "run `make manifests`"


def test_the_base_has_no_hook_no_test_no_secret_and_nothing_that_cannot_be_applied_twice() -> None:
    objects = [found for text in files(KUSTOMIZE / "base").values() for found in yaml.safe_load_all(text)]
    assert {"Secret", "Job", "Pod"}.isdisjoint(found["kind"] for found in objects)
    assert "helm.sh" not in str(objects)
    assert not [found for found in objects if "generateName" in found.get("metadata", {})]
    assert "namespace" not in str([found["metadata"] for found in objects if "metadata" in found])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_builds_and_puts_all_into_one_restricted_namespace(overlay: str) -> None:
    objects = built(KUSTOMIZE / "overlays" / overlay)
    (namespace,) = of_kind(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {o["metadata"]["namespace"] for o in objects if o["kind"] != "Namespace"} == {namespace["metadata"]["name"]}
    for where, _, spec in pods(objects):
        assert spec["securityContext"]["runAsNonRoot"] is True, where


def test_production_gets_its_secrets_by_reference() -> None:
    objects = built(KUSTOMIZE / "overlays/production")
    transformer = one(objects, "InferenceService", "recommender")["spec"]["transformer"]
    job = one(objects, "CronJob", "recommender-refresh")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for spec in (transformer, job):
        values = environment(spec["containers"][0])
        assert values["REDIS_URL"] == "rediss://redis.example.com:6379/0"
        assert {"REDIS_PASSWORD", "REDIS_CA", "AWS_SECRET_ACCESS_KEY"} <= values.keys()
        assert spec["containers"][0]["image"].startswith("registry.example.com/inference-graph/")
    assert one(objects, "ServiceAccount", "recommender-ranking")["secrets"] == [{"name": "s3-keys"}]
    assert "secrets" not in one(objects, "ServiceAccount", "recommender-transformer")


def test_local_runs_our_model_server_its_own_redis_and_the_built_in_data() -> None:
    objects = built(KUSTOMIZE / "overlays/local")
    service = one(objects, "Service", "recommender-redis")["spec"]
    assert service["selector"].items() <= one(objects, "Deployment", "recommender-redis")["spec"]["template"]["metadata"]["labels"].items()
    for name in ("recommender", "recommender-retrieval"):
        predictor = one(objects, "InferenceService", name)["spec"]["predictor"]
        assert (predictor["minReplicas"], predictor["model"]["command"]) == (1, ["model-server"])
        assert "--host=0.0.0.0" in predictor["model"]["args"]
    job = one(objects, "CronJob", "recommender-refresh")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert containers(job)[0]["command"] == ["inference-graph", "data", "prepare"]


@pytest.mark.parametrize(("overlay", "component"), list(itertools.product(("staging", "production"), ("keda", "gpu-ranker"))))
def test_a_component_can_be_added_to_an_overlay(tmp_path: Path, overlay: str, component: str) -> None:
    shutil.copytree(KUSTOMIZE, tmp_path / "kustomize")
    mine = tmp_path / "kustomize" / "overlays" / "mine"
    mine.mkdir()
    text = yaml.safe_dump({"resources": [f"../{overlay}"], "components": [f"../../components/{component}"]})
    (mine / "kustomization.yaml").write_text(text)
    spec = one(built(mine), "InferenceService", "recommender")["spec"]
    if component == "keda":
        assert [len(spec[part]["autoScaling"]["metrics"]) for part in ("predictor", "transformer")] == [1, 2]
        assert "scaleMetric" not in spec["transformer"]
    else:
        assert spec["predictor"]["model"]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_tools_are_looked_for_where_make_puts_them() -> None:
    assert f"GOBIN='$(CURDIR)/{TOOLS.relative_to(ROOT)}'" in (ROOT / "Makefile").read_text()
