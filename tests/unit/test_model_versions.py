"""Which versions are served and what labels name, with models that are never loaded; and the files that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import Int64Value

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import ModelConfig, ModelVersionStatus, ReloadConfigRequest, SignatureDef
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec
from model_server.answering import Answering
from model_server.configuration import configured_models, metrics_path
from model_server.flags import Flags
from model_server.grpc_service import Service
from model_server.metrics import Metrics
from model_server.models import Models
from model_server.refusal import Refused, invalid
from model_server.versions import Loading
from model_server.watcher import ConfigurationFile


@dataclass
class FakeModel:
    signatures: Mapping[str, SignatureDef] = field(default_factory=dict)

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]:
        return {}

    def close(self) -> None:
        pass


@dataclass
class Loader:
    """Loads every version but the broken ones."""

    broken: dict[int, Exception] = field(default_factory=dict)

    def __call__(self, name: str, number: int, folder: Path) -> FakeModel:
        if number in self.broken:
            raise self.broken[number]
        return FakeModel()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for version in (1, 2, 5):
        (tmp_path / "m" / str(version)).mkdir(parents=True)
    return tmp_path / "m"


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def models(loader: Loader) -> Models:
    return Models(Loading(loader, 0, 60.0))


def config(base: Path, name: str = "m", labels: dict[str, int] | None = None, **policy: Any) -> ModelConfig:
    made = ModelConfig(name=name, base_path=str(base), model_platform="tensorflow", version_labels=labels or {})
    if policy:
        made.model_version_policy.MergeFrom(type(made.model_version_policy)(**policy))
    return made


def states(models: Models, name: str = "m") -> dict[int, str]:
    return {version.number: ModelVersionStatus.State.Name(version.state) for version in models.versions(ModelSpec(name=name))}


def answers(models: Models, **spec: Any) -> int:
    with models.use(ModelSpec(name="m", **spec)) as (_, number):
        return number


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        ({}, [5]),
        ({"latest": {}}, [5]),
        ({"latest": {"num_versions": 2}}, [5, 2]),
        ({"all": {}}, [5, 2, 1]),
        ({"specific": {"versions": [1, 2, 9]}}, [2, 1]),
    ],
)
def test_the_version_policy_says_what_is_served(base: Path, models: Models, policy: dict[str, Any], served: list[int]) -> None:
    models.configure([config(base, **policy)])
    assert states(models) == dict.fromkeys(served, "AVAILABLE")
    assert answers(models) == served[0]
    for number in {1, 2, 5} - set(served):
        with pytest.raises(Refused, match=rf"NOT_FOUND: Servable not found for request: Specific\(m, {number}\)"):
            answers(models, version=Int64Value(value=number))


def test_a_new_policy_loads_what_it_asks_for_before_it_drops_the_rest(base: Path, models: Models) -> None:
    models.configure([config(base)])
    models.configure([config(base, specific={"versions": [1, 2]})])
    assert states(models) == {1: "AVAILABLE", 2: "AVAILABLE", 5: "END"}


@pytest.mark.parametrize("error", [invalid("no graph"), ZeroDivisionError("a bug")])
def test_a_version_that_fails_in_whatever_way_ends_and_the_one_before_stays(
    base: Path, models: Models, loader: Loader, error: Exception
) -> None:
    models.configure([config(base)])
    loader.broken[6] = error
    (base / "6").mkdir()
    models.refresh()
    assert states(models) == {5: "AVAILABLE", 6: "END"}
    refusal = models.versions(ModelSpec(name="m"))[0].refusal
    assert refusal is not None
    assert str(error) in f"{refusal.status}: {refusal.text}"


def test_a_label_names_only_what_serves_unless_it_is_new_and_the_flag_is_set(base: Path, loader: Loader) -> None:
    strict, free = Models(Loading(loader, 0, 60.0)), Models(Loading(loader, 0, 60.0), labels_before_versions=True)
    with pytest.raises(Refused, match="FAILED_PRECONDITION: Request to assign label to version 5 of model m, which is not"):
        strict.configure([config(base, labels={"stable": 5})])
    free.configure([config(base, labels={"stable": 5, "canary": 6})])
    assert answers(free, version_label="stable") == 5
    assert [version.number for version in free.versions(ModelSpec(name="m", version_label="nothing"))] == [5]  # as TF Serving's status
    with pytest.raises(Refused, match=r"Servable not found for request: Specific\(m, 6\)"):
        answers(free, version_label="canary")
    with pytest.raises(Refused, match="label to version 2 of model m, which is not currently available"):
        free.configure([config(base, labels={"stable": 2})])
    assert answers(free, version_label="stable") == 5
    free.configure([config(base, labels={"canary": 6}, all={})])
    with pytest.raises(Refused, match="Unrecognized servable version label: stable"):
        answers(free, version_label="stable")
    free.configure([config(base, labels={"stable": 2}, all={})])
    assert answers(free, version_label="stable") == 2


def test_a_reload_says_by_how_much_the_metrics_it_names_have_grown(base: Path, models: Models) -> None:
    metrics = Metrics()
    metrics.refused("m", "NOT_FOUND")
    request = ReloadConfigRequest(metric_names=["/tensorflow/serving/request_count", "no such"])
    request.config.model_config_list.config.append(config(base))
    response: Any = Service(Answering(models, metrics), raw=False).reload(request, None)
    assert metrics.value("/tensorflow/serving/request_count") == 1
    assert {metric.name: metric.int64_value_increase for metric in response.metric} == {
        "/tensorflow/serving/request_count": 0,
        "no such": 0,
    }
    with pytest.raises(Refused, match="ServerModelConfig type not supported by HandleReloadConfigRequest"):
        Service(Answering(models, metrics), raw=False).reload(ReloadConfigRequest(), None)


def test_a_configuration_file_is_read_again_and_a_broken_one_changes_nothing(
    base: Path, models: Models, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "models.config"

    def write(name: str) -> None:
        file.write_text(f'model_config_list {{ config {{ name: "{name}" base_path: "{base}" model_platform: "tensorflow" }} }}')

    write("m")
    flags = Flags(model_config_file=str(file))
    models.configure(configured_models(flags))
    watched = ConfigurationFile(models, flags)
    file.write_text("model_config_list {")
    watched.read()
    watched.read()
    assert caplog.text.count("kept the models as they are") == 1
    assert answers(models) == 5
    write("n")
    watched.read()
    assert states(models, "n") == {5: "AVAILABLE"}
    with pytest.raises(Refused, match="Could not find any versions of model m"):
        states(models)


def test_a_configuration_file_names_models_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "models.config"
    flags = Flags(model_config_file=str(file), monitoring_config_file=str(tmp_path / "monitoring.config"))
    labels = 'version_labels { key: "a" value: 1 }'
    file.write_text(f'model_config_list {{ config {{ name: "m" base_path: "/m" model_platform: "tensorflow" {labels} }} }}')
    assert dict(configured_models(flags)[0].version_labels) == {"a": 1}
    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    assert metrics_path(flags) == "/monitoring/prometheus/metrics"
    for text, says in [
        ("model_config_list {", "not a ModelServerConfig"),
        ('model_config_list { config { name: "m" base_path: "m" model_platform: "tensorflow" } }', "absolute path"),
        ('model_config_list { config { name: "m" base_path: "/m" } }', "model_platform"),
    ]:
        file.write_text(text)
        with pytest.raises(Refused, match=says):
            configured_models(flags)
    with pytest.raises(Refused, match="cannot read"):
        configured_models(replace(flags, model_config_file=str(tmp_path / "none")))
