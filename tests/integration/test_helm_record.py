"""What Helm itself writes down of our chart: read, and given back as a chart that renders the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from fake_kubernetes import helm_secret

from inference_graph.errors import DependencyBadResponse
from inference_graph.rollout.helm_record import Revision, decoded, merged

HELM = shutil.which("helm", path=f"{Path('.cache/bin').resolve()}:{os.environ['PATH']}")
VERSION = subprocess.run([HELM, "version", "--short"], capture_output=True, text=True, check=False).stdout if HELM else ""
needs_helm = pytest.mark.skipif(not VERSION.startswith("v4"), reason="Helm 3 makes a record only where a cluster answers")


def rendered(*arguments: str) -> str:
    assert HELM is not None
    return subprocess.run([HELM, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def revision() -> Revision:
    values = "modelName=films,ranking.minReplicas=3"
    record = rendered("install", "shop", "charts/recommender", "-n", "shop", "--set", values, "--dry-run=client", "-o", "json")
    return decoded(helm_secret(json.loads(record)))


@needs_helm
def test_the_facts_of_a_revision_are_read(revision):
    assert (revision.release, revision.number, revision.status) == ("shop", 1, "pending-install")
    assert revision.chart.startswith("recommender-")
    assert revision.has_tests
    assert revision.tested is None
    assert revision.values["modelName"] == "films"
    assert revision.values["ranking"]["minReplicas"] == 3
    assert revision.values["ranking"]["storageUri"]
    assert {"InferenceService", "ServingRuntime", "CronJob"} <= {one["kind"] for one in revision.objects}


@needs_helm
def test_the_chart_in_a_record_renders_what_was_installed(revision, tmp_path: Path):
    chart = revision.write_chart(tmp_path / "chart")
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(revision.record["config"]))
    again = rendered("template", "shop", str(chart), "-n", "shop", "--no-hooks", "-f", str(tmp_path / "values.yaml"))
    assert list(filter(None, yaml.safe_load_all(again))) == revision.objects


@needs_helm
def test_the_chart_in_a_record_still_refuses_unknown_values(revision, tmp_path: Path):
    chart = revision.write_chart(tmp_path / "chart")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered("template", "shop", str(chart), "--set", "ranking.storageUrl=s3://a/b")
    assert "storageUrl" in refused.value.stderr


def test_values_are_merged_as_helm_does():
    under = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 3}
    assert merged(under, {"a": {"b": None, "f": 4}, "d": [3], "e": {"g": 5}}) == {"a": {"c": 2, "f": 4}, "d": [3], "e": {"g": 5}}


def test_a_secret_that_is_no_record_is_refused():
    with pytest.raises(DependencyBadResponse, match="Secret x is not a record of Helm"):
        decoded({"metadata": {"name": "x"}, "data": {"release": "bm90IGd6aXA="}})


def test_a_chart_that_reaches_out_of_its_folder_is_refused(tmp_path: Path):
    chart = {"metadata": {"name": "x", "version": "1"}, "templates": [{"name": "../../outside", "data": ""}]}
    with pytest.raises(DependencyBadResponse, match="outside of itself"):
        Revision({"name": "x", "version": 1, "chart": chart}).write_chart(tmp_path / "chart")
    assert not (tmp_path / "outside").exists()
