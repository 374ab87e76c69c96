"""`inference-graph promote`: a candidate is loaded by a real model server and compared with what a cluster serves."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fake_kubernetes import FakeKubernetes, fake_helm, helm_secret, reached
from recorded_cluster import RELEASE, healthy_cluster, record

from inference_graph.cli.main import run
from inference_graph.errors import DependencyTimeout
from inference_graph.rollout.applying import make_live
from inference_graph.rollout.candidate import fetch
from inference_graph.rollout.cluster import connect

METRIC, DEPLOYMENT = "ndcg@10 ranker", f"{RELEASE}-predictor"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the signature of recorded_cluster; it has a request to warm up with."""
    tf: Any = importlib.import_module("tensorflow")
    export: Any = importlib.import_module("rec_models.export")
    ids, features = tf.TensorSpec((None, None), tf.string, "history_ids"), tf.TensorSpec((None, None, 6), tf.float32, "item_features")
    module = tf.Module()
    scores = lambda history_ids, item_features: {"scores": tf.reduce_mean(item_features, -1)}  # noqa: E731
    module.serve = tf.function(scores, input_signature=[ids, features])
    warm_up = {"history_ids": np.array([[b"1"]]), "item_features": np.zeros((1, 1, 6), np.float32)}
    return Path(export.publish(tmp_path_factory.mktemp("exported") / "ranking", module, [warm_up], {"metrics": {METRIC: 0.09}}))


@pytest.fixture
def candidate(exported: Path, tmp_path: Path) -> Path:
    """A release folder: version 13 alone."""
    folder = tmp_path / "2026-11-24"
    shutil.copytree(exported, folder / "13")
    return folder


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """What is there of the live release: its card."""
    folder = tmp_path / "live"
    (folder / "12").mkdir(parents=True)
    (folder / "12" / "card.json").write_text(json.dumps({"metrics": {METRIC: 0.08}}))
    return folder


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKubernetes]:
    with reached(healthy_cluster(), tmp_path, monkeypatch) as fake:
        yield fake
    assert fake.writes == []


def promoted(capsys: pytest.CaptureFixture[str], candidate: Path, live: Path, *arguments: str) -> dict[str, Any]:
    """The result as JSON; findings by their subject."""
    code = run(["promote", "ranking", f"file://{candidate}", "--live-copy", str(live), "--json", *arguments])
    shown = capsys.readouterr()
    assert shown.err == ""
    result: dict[str, Any] = json.loads(shown.out)
    assert code == (0 if result["fit"] else 1)
    return {**result, "findings": {finding["subject"]: (finding["fine"], finding["words"]) for finding in result["findings"]}}


def test_a_candidate_as_good_as_the_live_one_is_fit_and_nothing_is_changed(cluster, candidate, live, capsys):
    result = promoted(capsys, candidate, live)
    assert result["findings"] == {
        "release folder": (True, "version 13 alone"),
        "warm-up": (True, "recorded requests are replayed before it serves"),
        "loads": (True, "in our model server, warm-up included"),
        "signature": (True, "2 inputs and 1 outputs as live"),
        "answers": (True, "a request of the live signature"),
        "offline metric": (True, f"{METRIC} 0.0900, live 0.0800"),
    }
    assert result["values"] == {"ranking": {"storageUri": f"file://{candidate}"}}
    assert result["done"] == "checked"


def test_another_signature_is_refused_in_words_and_nothing_is_written(cluster, candidate, live, capsys, tmp_path):
    described = cluster.proxied[f"{DEPLOYMENT}-7d4b9c-aa", "/v1/models/ranking/metadata"]["metadata"]["signature_def"]["signature_def"]
    inputs = described["serving_default"]["inputs"]
    described["serving_default"]["inputs"] = {
        "item_features": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "-1"}, {"size": "5"}]}},
        "day": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}},
    }
    values = tmp_path / "values.yaml"
    values.write_text("ranking: {}\n")
    result = promoted(capsys, candidate, live, "--values", str(values))
    described["serving_default"]["inputs"] = inputs
    fine, words = result["findings"]["signature"]
    assert fine is False
    assert "the candidate has no input 'day'" in words
    assert "input 'item_features' is float32[any, any, 6], live float32[any, any, 5]" in words
    assert "goes up as a second release" in words
    assert values.read_text() == "ranking: {}\n"
    assert result["done"] == "refused"


def test_a_broken_model_is_refused_with_the_servers_words(cluster, candidate, live, capsys):
    (candidate / "13" / "saved_model.pb").write_bytes(b"not a model")
    fine, words = promoted(capsys, candidate, live)["findings"]["loads and answers"]
    assert fine is False
    assert words.startswith("it does not load: ")


def test_no_warm_up_and_a_worse_metric_are_refused(cluster, candidate, live, capsys):
    shutil.rmtree(candidate / "13" / "assets.extra")
    (candidate / "13" / "card.json").write_text(json.dumps({"metrics": {METRIC: 0.079}, "metrics_on": "Monday"}))
    findings = promoted(capsys, candidate, live)["findings"]
    assert findings["warm-up"][0] is False
    assert findings["offline metric"] == (False, f"{METRIC} 0.0790, live 0.0800 (measured on other requests)")


def test_a_worse_metric_can_be_allowed(cluster, candidate, live, capsys):
    (candidate / "13" / "card.json").write_text(json.dumps({"metrics": {METRIC: 0.079}}))
    assert promoted(capsys, candidate, live, "--tolerance", "0.002")["findings"]["offline metric"][0] is True
    result = promoted(capsys, candidate, live, "--any-metric")
    assert result["findings"]["offline metric"][0] is None
    assert result["fit"]


def test_a_values_file_is_edited_instead(cluster, candidate, live, capsys, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text("# the shop\nranking:\n  storageUri: s3://models/ranking/2026-11-20 # live\n")
    assert promoted(capsys, candidate, live, "--values", str(values))["done"] == f"written to {values}"
    assert values.read_text() == f'# the shop\nranking:\n  storageUri: "file://{candidate}" # live\n'


def test_apply_upgrades_the_releases_own_chart_and_waits_until_it_serves(cluster, candidate, live, capsys, tmp_path, monkeypatch):
    calls = fake_helm(tmp_path, monkeypatch)

    def arrive() -> None:
        """What KServe does once Helm has written."""
        if calls.exists():
            cluster.get("InferenceService", RELEASE)["spec"]["predictor"]["model"]["storageUri"] = f"file://{candidate}"
            for suffix in ("aa", "bb"):
                states = {"model_version_status": [{"version": "13", "state": "AVAILABLE"}]}
                cluster.proxied[f"{DEPLOYMENT}-7d4b9c-{suffix}", "/v1/models/ranking"] = states

    cluster.before_answer = arrive
    assert promoted(capsys, candidate, live, "--apply")["done"] == "ranking 13 is live in revision 2, and helm test passed"
    upgrade, test = calls.read_text().splitlines()
    assert upgrade.startswith(f"upgrade {RELEASE} ")
    assert "--reset-then-reuse-values" in upgrade
    assert upgrade.endswith("--timeout 600s --namespace shop --kube-context fake")
    assert test == f"test {RELEASE} --timeout 600s --namespace shop --kube-context fake"
    assert yaml.safe_load((tmp_path / "change.yaml").read_text()) == {"ranking": {"storageUri": f"file://{candidate}"}}
    files = {str(path.relative_to(tmp_path / "chart")) for path in (tmp_path / "chart").rglob("*") if path.is_file()}
    assert files == {"Chart.yaml", "values.yaml", "values.schema.json", "templates/graph.yaml"}
    assert yaml.safe_load((tmp_path / "chart" / "Chart.yaml").read_text())["version"] == "0.1.0"


def test_a_rollout_that_does_not_arrive_names_the_way_back(cluster, candidate, tmp_path, monkeypatch):
    fake_helm(tmp_path, monkeypatch)
    found = fetch(f"file://{candidate}", None, tmp_path / "copy")
    with pytest.raises(DependencyTimeout) as late:
        make_live(connect(None, None), RELEASE, "ranking", found, 1)
    assert str(late.value) == (
        f"release {RELEASE} was not healthy within 1 s: the new version does not serve yet; "
        f"back with `inference-graph rollback {RELEASE} --namespace shop`"
    )


def test_a_release_that_is_broken_is_mended_first(cluster, candidate, live, capsys):
    cluster.put(helm_secret(record(2, "pending-upgrade", "Preparing upgrade")))
    assert run(["promote", "ranking", f"file://{candidate}", "--live-copy", str(live), "--apply"]) == 1
    assert "revision 2 of recommender is pending-upgrade: mend that first" in capsys.readouterr().err


def test_a_folder_with_two_versions_or_none_is_no_release(cluster, candidate, live, capsys):
    (candidate / "14").mkdir()
    assert run(["promote", "ranking", f"file://{candidate}"]) == 1
    assert capsys.readouterr().err.endswith("expected exactly one folder named by a number, the version, got the versions 13, 14\n")
    assert run(["promote", "ranking", f"file://{candidate}/13"]) == 1
    assert capsys.readouterr().err.endswith("the version, got none\n")


def test_a_claim_needs_a_copy(cluster, candidate, live, capsys):
    arguments = ["promote", "ranking", "pvc://models/ranking/2026-11-24"]
    assert run(arguments) == 1
    assert "pvc://models/ranking/2026-11-24 cannot be read from here" in capsys.readouterr().err
    assert run([*arguments, "--copy", str(candidate), "--live-copy", str(live)]) == 0
    assert "pvc://models/ranking/2026-11-24" in capsys.readouterr().out


def test_where_no_pod_answers_the_live_card_gives_the_signature(cluster, candidate, live, capsys):
    cluster.proxied = {}
    findings = promoted(capsys, candidate, live)["findings"]
    assert findings["signature"][0] is False
    assert findings["signature"][1].startswith("the live one is not known: ")
    shutil.copy(candidate / "13" / "card.json", live / "12" / "card.json")
    assert promoted(capsys, candidate, live)["findings"]["signature"][0] is True


def test_apply_and_a_values_file_exclude_each_other(cluster, tmp_path, capsys):
    (tmp_path / "v.yaml").write_text("")
    assert run(["promote", "ranking", "s3://a/b", "--apply", "--values", str(tmp_path / "v.yaml")]) == 1
    assert "choose one" in capsys.readouterr().err
