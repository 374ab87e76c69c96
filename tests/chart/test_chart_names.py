"""Names fit, whatever the release is called, and two releases live side by side."""

from __future__ import annotations

import re

import pytest
from rendered_chart import EVERYTHING, Chart, of_kind, one

LONG = "a-release-with-the-longest-name-that-helm-allows-0123"
ODD = [LONG, "0-begins-with-a-digit", "dots.in.it", "recommender", "shop"]


@pytest.mark.parametrize("release", ODD)
@pytest.mark.parametrize("namespace", ["shop", "a-namespace-of-a-large-company"])
def test_every_name_and_every_name_that_kserve_makes_of_it_fits(chart: Chart, release: str, namespace: str) -> None:
    rendered = chart.render(EVERYTHING, release, namespace)
    for found in rendered:
        name = found["metadata"]["name"]
        assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", name), name
        assert len(name) <= (52 if found["kind"] == "CronJob" else 63), name
    for service in of_kind(rendered, "InferenceService"):
        for component in ("predictor", "transformer"):
            name = f"{service['metadata']['name']}-{component}"
            if component in service["spec"]:
                assert len(f"isvc.{name}") <= 63
                assert len(f"{name}-{namespace}") <= 63


def test_long_names_that_differ_at_their_ends_stay_different(chart: Chart) -> None:
    first, second = (chart.render(release=f"{LONG[:-1]}{end}") for end in "45")
    assert not {o["metadata"]["name"] for o in first} & {o["metadata"]["name"] for o in second}


def test_two_releases_share_no_object_no_key_in_redis_and_no_feast_project(chart: Chart) -> None:
    first, second = (chart.render(EVERYTHING, release) for release in ("amaranth", "cobalt"))
    identity = [{(o["kind"], o["metadata"]["name"]) for o in rendered} for rendered in (first, second)]
    assert not identity[0] & identity[1]
    texts = [chart.text(EVERYTHING, release) for release in ("amaranth", "cobalt")]
    for text, other in ((texts[0], "cobalt"), (texts[1], "amaranth")):
        assert not re.search(rf"\b{other}\b", text)


def test_what_redis_and_feast_keep_is_named_after_the_release_unless_told(chart: Chart) -> None:
    def values(rendered: list, name: str) -> str:  # type: ignore[type-arg]
        container = one(rendered, "InferenceService", "shop-a-recommender")["spec"]["transformer"]["containers"][0]
        return next(entry["value"] for entry in container["env"] if entry["name"] == name)

    rendered = chart.render(release="shop-a")
    assert (values(rendered, "REDIS_PREFIX"), values(rendered, "FEATURE_PROJECT")) == ("shop-a", "shop_a")
    rendered = chart.render({"redis": {"prefix": "mine"}, "features": {"project": "ours"}}, "shop-a")
    assert (values(rendered, "REDIS_PREFIX"), values(rendered, "FEATURE_PROJECT")) == ("mine", "ours")


def test_a_given_name_is_the_name(chart: Chart) -> None:
    services = {o["metadata"]["name"] for o in of_kind(chart.render({"fullnameOverride": "films"}), "InferenceService")}
    assert services == {"films", "films-retrieval"}


def test_every_object_and_pod_carries_the_labels_of_the_release(chart: Chart) -> None:
    for found in chart.render(EVERYTHING, "shop"):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "shop", found["metadata"]["name"]
        assert {"app.kubernetes.io/name", "app.kubernetes.io/managed-by"} <= labels.keys()
