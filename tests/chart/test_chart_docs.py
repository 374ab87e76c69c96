"""What the documents tell people to write is what the chart takes."""

from __future__ import annotations

import re
from typing import Any

import yaml
from rendered_chart import CHART, ROOT, Chart, of_kind, one, pods


def blocks(document: str) -> list[dict[str, Any]]:
    """All YAML objects of a document's code blocks."""
    found = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)
    return [part for text in found for part in yaml.safe_load_all(text)]


def test_the_values_of_the_install_are_accepted_and_name_the_secrets_that_were_made(chart: Chart) -> None:
    *secrets, values = blocks("install.md")
    rendered = chart.render(values)
    made = {secret["metadata"]["name"]: set(secret["stringData"]) for secret in secrets}
    for where, _, spec in pods(rendered):
        for container in spec["containers"]:
            for entry in container.get("env", []):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                assert reference is None or reference["key"] in made[reference["name"]], where


def test_the_jwt_example_protects_the_route_of_the_chart(chart: Chart) -> None:
    (policy,) = blocks("exposure.md")
    (target,) = policy["spec"]["targetRefs"]
    expose = {"kind": "httpRoute", "host": "shop.example.com", "httpRoute": {"parentRefs": [{"name": "outside"}]}}
    route = one(chart.render({"expose": expose}), target["kind"], target["name"])
    assert route["apiVersion"].split("/")[0] == target["group"]
    assert policy["metadata"]["namespace"] == "shop"


def test_the_second_release_of_another_signature_shares_data_and_does_not_write(chart: Chart) -> None:
    given = re.search(r"--set (redis\.prefix=\S+)", (ROOT / "docs/upgrade.md").read_text())
    assert given is not None
    rendered = chart.render(None, "recommender-b", "shop", "--set", given[1])
    assert [o for o in of_kind(rendered, "Job") + of_kind(rendered, "CronJob") if "refresh" in o["metadata"]["name"]] == []
    text = str(one(rendered, "InferenceService", "recommender-b"))
    assert "{'name': 'REDIS_PREFIX', 'value': 'recommender'}" in text
    assert "{'name': 'FEATURE_PROJECT', 'value': 'recommender'}" in text


def test_the_notes_give_the_request_and_warn_of_what_is_missing() -> None:
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    assert "curl -s http://127.0.0.1:8080/v1/models/{{ .Values.modelName }}:predict" in notes
    assert '@.type=="TransformerReady"' in notes
