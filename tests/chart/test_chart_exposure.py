"""What the outside may reach: predict alone, unless values say more; metrics never."""

from __future__ import annotations

from typing import Any

import pytest
from rendered_chart import Chart, of_kind, one

ROUTE = {"kind": "httpRoute", "host": "shop.example.com", "httpRoute": {"parentRefs": [{"name": "outside", "namespace": "gateway"}]}}
INGRESS = {"kind": "ingress", "host": "shop.example.com", "tlsSecret": "certificate", "ingress": {"className": "nginx"}}
PREDICT = {"/v1/models/recommender:predict", "/v1/models/similar:predict"}


def reached(rendered: list[dict[str, Any]]) -> set[str]:
    if routes := of_kind(rendered, "HTTPRoute"):
        return {match["path"]["value"] for match in routes[0]["spec"]["rules"][0]["matches"]}
    return {path["path"] for path in of_kind(rendered, "Ingress")[0]["spec"]["rules"][0]["http"]["paths"]}


def test_nothing_is_exposed_by_default(chart: Chart) -> None:
    rendered = chart.render()
    assert of_kind(rendered, "HTTPRoute") + of_kind(rendered, "Ingress") == []


@pytest.mark.parametrize("expose", [ROUTE, INGRESS], ids=["httpRoute", "ingress"])
def test_predict_alone_events_and_explain_by_value(chart: Chart, expose: dict[str, Any]) -> None:
    assert reached(chart.render({"expose": expose})) == PREDICT
    assert reached(chart.render({"expose": {**expose, "events": True}})) == {*PREDICT, "/v1/events", "/v1/users"}
    explained = reached(chart.render({"expose": {**expose, "explain": True}}))
    assert explained == {*PREDICT, "/v1/models/recommender:explain", "/v1/models/similar:explain"}


def test_a_route_goes_to_the_transformer_and_takes_posts(chart: Chart) -> None:
    spec = one(chart.render({"expose": ROUTE}), "HTTPRoute", "recommender")["spec"]
    assert spec["parentRefs"] == ROUTE["httpRoute"]["parentRefs"]  # type: ignore[index]
    assert spec["rules"][0]["backendRefs"] == [{"name": "recommender-transformer", "port": 80}]
    assert {match["method"] for match in spec["rules"][0]["matches"]} == {"POST"}
    assert {match["path"]["type"] for match in spec["rules"][0]["matches"]} == {"Exact"}


def test_an_ingress_has_its_class_and_its_certificate(chart: Chart) -> None:
    spec = one(chart.render({"expose": INGRESS}), "Ingress", "recommender")["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["shop.example.com"], "secretName": "certificate"}]
