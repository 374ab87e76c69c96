"""Who may reach which pod: the rendered rules, for a network that enforces them."""

from __future__ import annotations

from typing import Any

import pytest
from rendered_chart import EVERYTHING, Chart, of_kind, one, pods


def rules(rendered: list[dict[str, Any]], component: str) -> list[dict[str, Any]]:
    return one(rendered, "NetworkPolicy", f"recommender-{component}")["spec"].get("ingress", [])


def components(rule: dict[str, Any]) -> set[str]:
    return {peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule["from"]}


def test_every_pod_is_selected_by_exactly_one_policy(chart: Chart) -> None:
    rendered = chart.render(EVERYTHING)
    selectors = [o["spec"]["podSelector"]["matchLabels"].items() for o in of_kind(rendered, "NetworkPolicy")]
    for where, metadata, _ in pods(rendered):
        assert sum(selector <= metadata["labels"].items() for selector in selectors) == 1, where


@pytest.mark.parametrize("model", ["ranking", "retrieval"])
def test_model_servers_answer_transformer_and_test_and_are_scraped(chart: Chart, model: str) -> None:
    calls, scrapes = rules(chart.render(), model)
    assert components(calls) == {"transformer", "test"}
    assert scrapes["ports"] == [{"port": 8080, "protocol": "TCP"}]
    assert scrapes["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_redis_answers_transformer_refresh_and_batch_alone(chart: Chart) -> None:
    (calls,) = rules(chart.render(EVERYTHING), "redis")
    assert components(calls) == {"transformer", "refresh", "batch"}


def test_the_transformer_answers_its_namespace_and_the_named_clients(chart: Chart) -> None:
    gateway = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
    (calls,) = rules(chart.render({"networkPolicy": {"clients": [gateway]}}), "transformer")
    assert {"podSelector": {}} in calls["from"]
    assert gateway in calls["from"]


@pytest.mark.parametrize("component", ["refresh", "check", "test"])
def test_nobody_calls_a_job(chart: Chart, component: str) -> None:
    assert rules(chart.render(), component) == []


def test_with_egress_rules_nothing_else_goes_out_but_dns_and_the_release_itself(chart: Chart) -> None:
    outside = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443}]}
    for policy in of_kind(chart.render({"networkPolicy": {"egress": [outside]}}), "NetworkPolicy"):
        names, own, given = policy["spec"]["egress"]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert {port["port"] for port in names["ports"]} == {53}
        assert own["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "recommender"
        assert given == outside


def test_they_can_be_turned_off(chart: Chart) -> None:
    assert of_kind(chart.render({"networkPolicy": {"enabled": False}}), "NetworkPolicy") == []
