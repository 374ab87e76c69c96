"""Dashboards: every query parses, names what exists, and asks for the namespace and release that the variables name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.faults import faults_of_dashboard, faults_of_panel_query
from monitoring.files import RULES, dashboards, queries, rules, run, tool
from monitoring.known_metrics import known
from monitoring.made_up import series
from monitoring.promql import Selector, read

QUERIES = [(name, *query) for name, dashboard in dashboards().items() for query in queries(dashboard)]
KNOWN = known(rules("record"))
GOOD = 'sum by (namespace, release, code) (rate(recommender_requests_total{namespace="$namespace", release="$release"}[$__rate_interval]))'


def test_there_are_the_three_dashboards() -> None:
    assert set(dashboards()) == {"overview", "models", "resources"}
    assert len({dashboard["uid"] for dashboard in dashboards().values()}) == 3


@pytest.mark.parametrize("name", dashboards())
def test_a_dashboard_has_nothing_that_the_linter_finds(name: str) -> None:
    assert list(faults_of_dashboard(dashboards()[name])) == []


@pytest.mark.parametrize(("dashboard", "panel", "text", "legend"), QUERIES)
def test_a_query_asks_for_what_exists_of_the_chosen_release(dashboard: str, panel: str, text: str, legend: str) -> None:
    assert list(faults_of_panel_query(text, legend, KNOWN)) == []


@pytest.mark.skipif(tool("promtool") is None, reason="no promtool: `make chart-tools` builds it and needs Go")
def test_promtool_parses_every_query(tmp_path: Path) -> None:
    recorded = [{"record": f"query:{place}", "expr": filled(text)} for place, (_, _, text, _) in enumerate(QUERIES)]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    ran = run("promtool", "check", "rules", str(tmp_path / "queries.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(QUERIES)} rules found" in ran.stdout


@pytest.mark.skipif(tool("promtool") is None, reason="no promtool: `make chart-tools` builds it and needs Go")
def test_every_query_finds_something_where_every_metric_has_a_series(tmp_path: Path) -> None:
    """Joins on labels that do not meet, and selections that nothing fulfils, are empty: promtool says which."""
    measured = {name: labels for name, labels in KNOWN.items() if not name.startswith("release:")}
    everything = [{"series": one, "values": "0+7x60"} for name, labels in measured.items() for one in series(name, labels)]
    asked = [
        {"expr": f"count({filled(text)}) > bool 0", "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": 1}]}
        for _, _, text, _ in QUERIES
    ]
    test = {
        "rule_files": [str(file) for file in RULES],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": everything, "promql_expr_test": asked}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    ran = run("promtool", "test", "rules", str(tmp_path / "test.yaml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def filled(text: str) -> str:
    return text.replace("$namespace", "shop").replace("$release", "rec").replace("$__rate_interval", "5m")


def test_selectors_are_read_as_they_are_meant() -> None:
    text = 'sum by (a, le) (rate(x_total{b="}", c!~"$d"}[5m])) / on (a) group_left () :y:z > 1e6 or count(up) * 0 and {__name__="w"}'
    expression = read(text)
    assert expression.selectors == (Selector("x_total", {"b": "=}", "c": "!~$d"}), Selector(":y:z"), Selector("up"), Selector("w"))
    assert expression.groupings == (("a", "le"),)
    assert expression.joins == (("a",), ())
    assert expression.ranges == ("5m",)


@pytest.mark.parametrize(
    ("wrong", "right", "fault"),
    [
        ("recommender_requests_sum", "recommender_requests_total", "no metric recommender_requests_sum"),
        ('surfaces="home"', 'release="$release"', "recommender_requests_total has no label surfaces"),
        ('release="shop"', 'release="$release"', "recommender_requests_total is not selected by $release"),
        ('release="$release", job="x"', 'release="$release"', "selects by job"),
        ("release, instance", "release, code", "groups by instance"),
        ("by (release, code)", "by (namespace, release, code)", "a grouping without namespace"),
        ("by (namespace, release, reason)", "by (namespace, release, code)", "groups by reason, which no metric in it has"),
        ("[5m]", "[$__rate_interval]", "rate over 5m, expected $__rate_interval"),
        ("release, surface", "release, code", "the legend names code, which the result does not have"),
    ],
)
def test_a_wrong_query_is_found(wrong: str, right: str, fault: str) -> None:
    assert list(faults_of_panel_query(GOOD, "{{code}}", KNOWN)) == []
    assert right in GOOD
    assert fault in list(faults_of_panel_query(GOOD.replace(right, wrong), "{{code}}", KNOWN))


def test_what_the_cluster_says_needs_a_release_by_a_join() -> None:
    replicas = 'max by (namespace, deployment) (kube_deployment_spec_replicas{namespace="$namespace"})'
    assert list(faults_of_panel_query(replicas, "", KNOWN)) == ["a grouping without release"]


def drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda dashboard: dashboard["panels"][1].pop(key)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d["panels"][1]["targets"][0].update(datasource={"type": "prometheus", "uid": "abc"}), "expected the variable"),
        (lambda d: d["panels"][1]["fieldConfig"]["defaults"].pop("unit"), "no unit"),
        (lambda d: d["panels"][1].update(id=d["panels"][0]["id"]), "two panels of one id"),
        (lambda d: d["panels"][1]["gridPos"].update(x=20), "over the edge"),
        (lambda d: d["templating"]["list"].pop(), "variables"),
        (lambda d: d.update(editable=True), "editable"),
        (drop("description"), "no description"),
    ],
)
def test_a_wrong_dashboard_is_found(change: Callable[[dict[str, Any]], object], fault: str) -> None:
    dashboard = copy.deepcopy(dashboards()["models"])
    change(dashboard)
    assert any(fault in found for found in faults_of_dashboard(dashboard))
