"""Scaling by KServe's autoscaler, by KEDA, or by the chart's own; budgets; how pods are replaced."""

from __future__ import annotations

from typing import Any

import pytest
from rendered_chart import Chart, of_kind, one

COMPONENTS = {"transformer": (2, 6), "ranking": (2, 10), "retrieval": (2, 4)}


def components(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    both, retrieval = (one(rendered, "InferenceService", name)["spec"] for name in ("recommender", "recommender-retrieval"))
    return {"transformer": both["transformer"], "ranking": both["predictor"], "retrieval": retrieval["predictor"]}


@pytest.mark.parametrize("how", ["hpa", "keda", "external"])
def test_everything_says_its_deployment_mode_and_who_scales_it(chart: Chart, how: str) -> None:
    for service in of_kind(chart.render({"autoscaling": {"class": how}}), "InferenceService"):
        assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
        assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == how
        assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


def test_by_default_kserve_scales_on_cpu_never_on_memory(chart: Chart) -> None:
    rendered = chart.render()
    for name, spec in components(rendered).items():
        assert (spec["minReplicas"], spec["maxReplicas"]) == COMPONENTS[name]
        assert (spec["scaleMetric"], spec["scaleTarget"]) == ("cpu", 60)
        assert spec["deploymentStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert of_kind(rendered, "HorizontalPodAutoscaler") == []


def test_keda_scales_the_transformer_on_its_requests_too(chart: Chart) -> None:
    values = {"autoscaling": {"class": "keda", "keda": {"serverAddress": "http://prometheus:9090", "requestsPerReplica": 20}}}
    found = components(chart.render(values))
    assert all("scaleMetric" not in spec for spec in found.values())
    cpu, requests = found["transformer"]["autoScaling"]["metrics"]
    assert cpu["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    assert requests["external"]["target"] == {"type": "Value", "value": "20"}
    assert 'namespace="shop",release="recommender"' in requests["external"]["metric"]["query"]
    assert len(found["ranking"]["autoScaling"]["metrics"]) == 1


def test_the_charts_own_scalers_have_behavior_and_names_that_kserve_leaves_alone(chart: Chart) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 600}}
    rendered = chart.render({"autoscaling": {"class": "external", "behavior": behavior}})
    scalers = of_kind(rendered, "HorizontalPodAutoscaler")
    targets = {o["spec"]["scaleTargetRef"]["name"] for o in scalers}
    assert targets == {"recommender-transformer", "recommender-predictor", "recommender-retrieval-predictor"}
    assert not targets & {o["metadata"]["name"] for o in scalers}
    assert all(o["spec"]["behavior"] == behavior for o in scalers)
    assert all("scaleMetric" not in spec and "autoScaling" not in spec for spec in components(rendered).values())


def test_a_budget_lets_one_pod_go_and_every_one_that_is_not_healthy(chart: Chart) -> None:
    budgets = of_kind(chart.render(), "PodDisruptionBudget")
    selected = {o["spec"]["selector"]["matchLabels"]["app"] for o in budgets}
    assert selected == {"isvc.recommender-transformer", "isvc.recommender-predictor", "isvc.recommender-retrieval-predictor"}
    assert all((o["spec"]["maxUnavailable"], o["spec"]["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow") for o in budgets)
