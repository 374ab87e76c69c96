"""What the chart makes of rules and dashboards, and how it has its pods scraped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.files import dashboards, rendered, rules, run, tool
from monitoring.known_metrics import TARGET, known

pytestmark = pytest.mark.skipif(tool("helm") is None, reason="no helm: `make chart-tools` builds it and needs Go")

RULES_MAP = ("ConfigMap", "rec-recommender-rules")
RULE = ("PrometheusRule", "rec-recommender")
PROMETHEUS = ("ConfigMap", "rec-recommender-prometheus")
ALERTS = {rule["alert"] for rule in rules("alert")}


def in_order(rule: dict[str, Any]) -> str:
    return json.dumps(rule, sort_keys=True)


def alerts_in(groups: list[dict[str, Any]]) -> set[str]:
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}


def test_without_the_operator_the_rules_are_a_file_in_a_configmap() -> None:
    found = rendered()
    assert RULE not in found
    groups = yaml.safe_load(found[RULES_MAP]["data"]["rules.yaml"])["groups"]
    found_rules = [rule for group in groups for rule in group["rules"]]
    expected = [{**rule, "expr": rule["expr"].replace('release!=""', 'release="rec"')} for rule in [*rules("alert"), *rules("record")]]
    assert sorted(found_rules, key=in_order) == sorted(expected, key=in_order)
    assert {group["interval"] for group in groups} == {"30s"}


@pytest.mark.skipif(tool("promtool") is None, reason="no promtool: `make chart-tools` builds it and needs Go")
def test_promtool_takes_the_rules_as_they_are_rendered(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(rendered()[RULES_MAP]["data"]["rules.yaml"])
    ran = run("promtool", "check", "rules", str(tmp_path / "rules.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_with_the_operator_they_are_a_prometheus_rule_with_the_labels_that_it_looks_for() -> None:
    base = "monitoring.prometheusRule"
    found = rendered(
        f"{base}.enabled=true", f"{base}.interval=1m", f"{base}.labels.team=shop", "monitoring.runbookUrl=https://wiki/runbook"
    )
    assert RULES_MAP not in found
    rule = found[RULE]
    assert rule["metadata"]["labels"]["team"] == "shop"
    assert {group["interval"] for group in rule["spec"]["groups"]} == {"1m"}
    assert alerts_in(rule["spec"]["groups"]) == ALERTS
    links = {r["annotations"]["runbook_url"] for group in rule["spec"]["groups"] for r in group["rules"] if "alert" in r}
    assert links == {f"https://wiki/runbook#{alert.lower()}" for alert in ALERTS}


def test_an_alert_that_is_disabled_is_left_out_everywhere_and_a_wrong_name_is_refused() -> None:
    without = "monitoring.disabledAlerts={RecommenderFeaturesStale,RecommenderErrorBudgetBurn}"
    found = rendered(without, "trial.prometheus.enabled=true")
    for name in (RULES_MAP, PROMETHEUS):
        left = alerts_in(yaml.safe_load(found[name]["data"]["rules.yaml"])["groups"])
        assert left == ALERTS - {"RecommenderFeaturesStale", "RecommenderErrorBudgetBurn"}
    with pytest.raises(ValueError, match=r"monitoring.disabledAlerts: no alert is named .*RecommenderFeatureStale"):
        rendered("monitoring.disabledAlerts={RecommenderFeatureStale}")


def test_the_dashboards_are_a_configmap_that_the_sidecar_finds() -> None:
    name = ("ConfigMap", "rec-recommender-dashboards")
    found = rendered()[name]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Recommender"}
    assert {Path(key).stem: json.loads(text) for key, text in found["data"].items()} == dashboards()
    assert name not in rendered("monitoring.dashboards.enabled=false")


def test_pod_monitors_scrape_the_same_as_the_annotations_say() -> None:
    found = rendered("monitoring.podMonitor.enabled=true", "monitoring.podMonitor.labels.team=shop")
    service, runtime = found["InferenceService", "rec-recommender"]["spec"], found["ServingRuntime", "rec-recommender-tf-serving"]["spec"]
    described = {
        "transformer": (service["transformer"], ["transformer"]),
        "models": (runtime, ["ranking", "retrieval"]),
    }
    for name, (pods, components) in described.items():
        monitor = found["PodMonitor", f"rec-recommender-{name}"]
        assert monitor["metadata"]["labels"]["team"] == "shop"
        assert monitor["spec"]["selector"]["matchExpressions"][0]["values"] == components
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        annotations = pods["annotations"]
        port = next(port for port in pods["containers"][0]["ports"] if port["name"] == endpoint["port"])
        assert (str(port["containerPort"]), endpoint["path"]) == (annotations["prometheus.io/port"], annotations["prometheus.io/path"])
        assert annotations["prometheus.io/scrape"] == "true"
        (relabeling,) = endpoint["relabelings"]
        assert relabeling == {"sourceLabels": ["__meta_kubernetes_pod_label_recommender_io_release"], "targetLabel": "release"}
    labels = service["transformer"]["labels"]
    selected = found["PodMonitor", "rec-recommender-transformer"]["spec"]["selector"]["matchLabels"]
    assert selected.items() <= labels.items()
    assert (labels["app.kubernetes.io/component"], labels["recommender.io/release"]) == ("transformer", "rec")
    assert service["predictor"]["labels"]["app.kubernetes.io/component"] == "ranking"


def test_by_default_nothing_needs_the_operator() -> None:
    assert not {kind for kind, _ in rendered()} & {"PodMonitor", "PrometheusRule"}


def test_the_trial_prometheus_adds_no_label_that_a_metric_has_itself() -> None:
    """Prometheus would rename the metric's own, and every alert on it would look at the scraper's."""
    configuration = yaml.safe_load(rendered("trial.prometheus.enabled=true")[PROMETHEUS]["data"]["prometheus.yml"])
    (scraping,) = configuration["scrape_configs"]
    added = {rule["target_label"] for rule in scraping["relabel_configs"] if "target_label" in rule and rule["target_label"][0] != "_"}
    assert added == set(TARGET)
    ours = {label for metric, labels in known().items() if metric.startswith("recommender_") for label in labels if label not in TARGET}
    assert "component" in ours
    assert not ours & added
