"""What the processes are started with is what they understand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from rendered_chart import CHART, ROOT, Chart, Rendered, environment, of_kind, one, pods

from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import load_graph
from inference_graph.settings import Settings
from model_server.flags import Flags, read_flags
from rec_models.commands.refresh import refresh

KSERVE_ADDS = {"REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_CA"}


def arguments(rendered: Rendered, model: str) -> list[str]:
    (found,) = (spec for _, metadata, spec in pods(rendered) if metadata["labels"]["app.kubernetes.io/component"] == model)
    return found["containers"][0]["args"]


def transformer(rendered: Rendered) -> dict[str, Any]:
    return one(rendered, "InferenceService", "recommender")["spec"]["transformer"]["containers"][0]


@pytest.mark.parametrize("server", ["tensorflow-serving", "model-server"])
@pytest.mark.parametrize("model", ["ranking", "retrieval"])
def test_every_flag_is_known_for_an_unknown_one_would_be_ignored_silently(chart: Chart, model: str, server: str) -> None:
    flags, unknown = read_flags(arguments(chart.render({model: {"server": server}}), model))
    assert unknown == ()
    assert flags.model_name == model
    assert flags.model_base_path == "/mnt/models"
    assert flags.file_system_poll_wait_seconds == 0
    assert flags.host == ("0.0.0.0" if server == "model-server" else Flags().host)
    assert "max_connection_age" in flags.grpc_channel_arguments


@pytest.mark.parametrize(("cpu", "threads"), [("500m", 1), ("1", 1), (2, 2), ("3500m", 4), (1.5, 2)], ids=str)
def test_threads_follow_the_cpu_request(chart: Chart, cpu: Any, threads: int) -> None:
    flags, _ = read_flags(arguments(chart.render({"ranking": {"resources": {"requests": {"cpu": cpu}}}}), "ranking"))
    assert (flags.tensorflow_intra_op_parallelism, flags.tensorflow_inter_op_parallelism) == (threads, threads)


def test_a_models_server_has_no_cpu_limit_and_its_memory_limit_is_its_request(chart: Chart) -> None:
    for where, _, spec in pods(chart.render({"trial": {"redis": {"enabled": True}}})):
        for container in spec["containers"]:
            resources = container["resources"]
            assert "cpu" not in resources["limits"], where
            assert resources["limits"]["memory"] == resources["requests"]["memory"], where


def test_the_transformers_environment_is_its_settings(chart: Chart) -> None:
    given = environment(transformer(chart.render({"redis": {"existingSecret": "login"}, "snapshot": {"pin": "abc"}})))
    given["REDIS_PASSWORD"] = "from,the=secret@"
    settings = Settings.from_environment(given)
    assert settings.host == "0.0.0.0"
    assert settings.startup_grace_seconds is None
    assert settings.snapshot_pin == "abc"
    assert settings.ranking_target == "dns:///recommender-ranking-grpc:9000"
    known = {name.upper() for name in Settings.model_fields} | KSERVE_ADDS | {"HOME"}
    assert {name for name in given if not name.startswith("AWS_")} <= known


def test_the_time_to_end_is_longer_than_draining(chart: Chart) -> None:
    spec = one(chart.render(), "InferenceService", "recommender")["spec"]
    assert spec["transformer"]["terminationGracePeriodSeconds"] > 30 + float(environment(transformer(chart.render()))["DRAIN_SECONDS"])
    runtime = one(chart.render(), "ServingRuntime", "recommender-tf-serving")["spec"]["containers"][0]
    assert spec["predictor"]["terminationGracePeriodSeconds"] > runtime["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_the_graph_in_the_map_is_one_that_the_transformer_takes(chart: Chart, tmp_path: Path) -> None:
    changed = {"graph": {"clock": "data", "surfaces": {"home": {"candidates": 100}}}}
    (tmp_path / "graph.yaml").write_text(one(chart.render(changed), "ConfigMap", "recommender-graph")["data"]["graph.yaml"])
    graph = load_graph(tmp_path / "graph.yaml")
    assert (graph.clock, graph.surfaces["home"].candidates) == ("data", 100)
    assert [source.kind for source in graph.surfaces["home"].sources] == ["two_tower", "similar_to_liked", "next_item", "popular"]


def test_a_graph_that_values_cannot_judge_is_stopped_by_the_check(chart: Chart, tmp_path: Path) -> None:
    unknown = {"graph": {"surfaces": {"home": {"sources": [{"kind": "two_towers"}]}}}}
    rendered = chart.render(unknown)
    (tmp_path / "graph.yaml").write_text(one(rendered, "ConfigMap", "recommender-check-graph")["data"]["graph.yaml"])
    with pytest.raises(InvalidConfiguration, match="no component of kind 'two_towers'"):
        load_graph(tmp_path / "graph.yaml")
    job = one(rendered, "Job", "recommender-check-graph")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == transformer(rendered)["image"]


def test_the_charts_graph_is_the_packages() -> None:
    inside, package = (CHART / "files/graph.yaml").read_bytes(), (ROOT / "inference_graph/graph.yaml").read_bytes()
    assert inside == package, "run `make chart-docs`"


def test_the_url_names_the_model_of_the_values(chart: Chart) -> None:
    rendered = chart.render({"modelName": "films"})
    container = transformer(rendered)
    assert "--model_name=films" in container["args"]
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe")} == {"/v1/models/films"}
    assert "/v1/models/films:predict" in str(one(rendered, "Pod", "recommender-test")["spec"]["containers"][0]["args"])


def test_refresh_is_called_with_options_that_it_has(chart: Chart) -> None:
    app = typer.Typer()
    app.command()(refresh)
    options = {name for parameter in typer.main.get_command(app).params for name in parameter.opts}
    jobs = of_kind(chart.render({"refresh": {"onlineViews": ["item_attributes"]}}), "Job")
    (job,) = (o for o in jobs if "-refresh-" in o["metadata"]["name"])
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[:2] == ["inference-graph", "refresh"]
    assert {word.split("=")[0] for word in command[2:]} == {"--wait-seconds", "--once", "--online"}
    assert {word.split("=")[0] for word in command[2:]} <= options


def test_monitoring_is_switched_on_where_the_annotations_say(chart: Chart) -> None:
    rendered = chart.render()
    runtime = one(rendered, "ServingRuntime", "recommender-tf-serving")
    path = runtime["spec"]["annotations"]["prometheus.io/path"]
    assert path in one(rendered, "ConfigMap", "recommender-tf-serving")["data"]["monitoring.config"]
    for service in of_kind(rendered, "InferenceService"):
        annotations = service["metadata"]["annotations"]
        assert annotations["serving.kserve.io/enable-prometheus-scraping"] == "false"
        assert annotations["serving.kserve.io/enable-metric-aggregation"] == "false"


def test_models_are_called_through_services_of_their_own(chart: Chart) -> None:
    for balancing, suffix in (("headless", "grpc"), ("service", "grpc-ip")):
        rendered = chart.render({"grpcBalancing": balancing})
        for model, pod in (("ranking", "recommender-predictor"), ("retrieval", "recommender-retrieval-predictor")):
            service = one(rendered, "Service", f"recommender-{model}-{suffix}")["spec"]
            assert service["selector"] == {"app": f"isvc.{pod}"}
            assert service.get("clusterIP") == ("None" if balancing == "headless" else None)
            assert not service.get("publishNotReadyAddresses")
            assert f"recommender-{model}-{suffix}:9000" in environment(transformer(rendered))[f"{model.upper()}_TARGET"]


def test_nothing_is_looked_up_drawn_or_dated_in_a_template() -> None:
    texts = {path.name: path.read_text() for path in (CHART / "templates").rglob("*") if path.is_file()}
    for word in ("lookup ", "rand", "now |", "uuidv4", ".Capabilities", "genCA"):
        assert not [name for name, text in texts.items() if word in text], word


def test_the_configuration_of_the_trial_prometheus_is_yaml(chart: Chart) -> None:
    data = one(chart.render({"trial": {"prometheus": {"enabled": True}}}), "ConfigMap", "recommender-prometheus")["data"]
    read = {name: yaml.safe_load(text) for name, text in data.items()}
    (rules,) = read["prometheus.yml"]["rule_files"]
    assert read[Path(rules).name]["groups"]
