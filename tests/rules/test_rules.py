"""Recording rules and alerts: each is tested by promtool on both sides of its threshold, and explained in the runbook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.faults import faults_of_query
from monitoring.files import PROMTOOL_TESTS, RULES, RUNBOOK, rules, run, tool
from monitoring.known_metrics import is_of_a_release, known
from monitoring.promql import read

needs_promtool = pytest.mark.skipif(tool("promtool") is None, reason="no promtool: `make chart-tools` builds it and needs Go")


@needs_promtool
@pytest.mark.parametrize("file", PROMTOOL_TESTS, ids=lambda file: file.stem)
def test_alerts_fire_above_their_thresholds_and_stay_quiet_below(file: Path) -> None:
    ran = run("promtool", "test", "rules", str(file))
    assert ran.returncode == 0, ran.stdout + ran.stderr


@needs_promtool
def test_promtool_takes_every_rule() -> None:
    ran = run("promtool", "check", "rules", *map(str, RULES))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def alert_tests() -> list[dict[str, Any]]:
    tests = [test for file in PROMTOOL_TESTS for test in yaml.safe_load(file.read_text())["tests"]]
    return [check for test in tests for check in test["alert_rule_test"]]


@pytest.mark.parametrize("alert", sorted({rule["alert"] for rule in rules("alert")}))
def test_every_alert_is_tested_on_both_sides_and_has_its_heading_in_the_runbook(alert: str) -> None:
    fires = [bool(check.get("exp_alerts")) for check in alert_tests() if check["alertname"] == alert]
    assert set(fires) == {True, False}
    assert re.search(rf"^## {alert}$", RUNBOOK.read_text(), re.MULTILINE)


def test_every_window_of_a_budget_is_tested() -> None:
    windows = {(rule["alert"], rule["labels"]["window"]) for rule in rules("alert") if "window" in rule["labels"]}
    expected = [(check["alertname"], alert["exp_labels"]) for check in alert_tests() for alert in check.get("exp_alerts", ())]
    assert windows == {(alert, labels["window"]) for alert, labels in expected if "window" in labels}


def test_the_runbook_explains_no_alert_that_is_gone() -> None:
    headings = re.findall(r"^## (Recommender\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted({rule["alert"] for rule in rules("alert")})


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_whose_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert "$labels.namespace }}/{{ $labels.release" in annotations["summary"]
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_exists_and_keeps_releases_apart(rule: dict[str, Any]) -> None:
    assert list(faults_of_query(read(rule["expr"]), known(rules("record")))) == []


@pytest.mark.parametrize("rule", [*rules("alert"), *rules("record")], ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_leaves_open_of_which_release_it_is(rule: dict[str, Any]) -> None:
    """The chart fills it in, in each selector that has the label."""
    ours = [selector for selector in read(rule["expr"]).selectors if is_of_a_release(selector.metric)]
    assert [selector.matchers.get("release") for selector in ours] == ["!="] * len(ours)
    assert ours or "kube_" in rule["expr"]


@pytest.mark.parametrize("rule", rules("record"), ids=lambda rule: rule["record"])
def test_a_recording_rule_is_of_a_release_and_asks_for_what_exists(rule: dict[str, Any]) -> None:
    expression = read(rule["expr"])
    assert rule["record"].startswith("release:recommender_")
    assert expression.groupings[0][:2] == ("namespace", "release")
    assert all("namespace" in grouping for grouping in expression.groupings)
    assert expression.metrics <= set(known(rules("record")))
    assert not {"job", "instance"} & {label for selector in expression.selectors for label in selector.matchers}
