"""Every JSON in docs/api.md is what the routes take and give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest

from inference_graph.catalogue import Attribute
from inference_graph.serving.event_protocol import parse_events
from inference_graph.serving.openapi import openapi
from inference_graph.serving.protocol import Arrival, parse_predict
from inference_graph.testing import make_catalogue

TEXT = (Path(__file__).parents[2] / "docs/api.md").read_text()
EXAMPLES = [(name, json.loads(block)) for name, block in re.findall(r"<!-- (\w+) -->\n```json\n(.*?)```", TEXT, re.DOTALL)]
TYPES = frozenset({"rating", "purchase", "view", "click"})
CATALOGUE = make_catalogue(["318", "50"], attributes={"year": Attribute(np.array([1994.0, 1995.0]))})


def test_every_json_says_what_it_is() -> None:
    assert len(EXAMPLES) == TEXT.count("```json") > 5


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_has_the_shape_that_it_is_an_example_of(name: str, example: Any) -> None:
    document = openapi({"recommender": "home", "similar": "similar"})
    jsonschema.validate(example, {"$ref": f"#/components/schemas/{name}", "components": document["components"]})
    if name in ("PredictRequest", "SimilarRequest"):
        assert parse_predict(example, Arrival("home" if name == "PredictRequest" else "similar", CATALOGUE, 2e9, "r", TYPES))
    if name == "Events":
        assert parse_events(example, 2e9, TYPES)


def test_the_examples_of_the_openapi_are_taken() -> None:
    document = openapi({"recommender": "home", "similar": "similar"})
    for path, surface in (("recommender:predict", "home"), ("similar:predict", "similar")):
        body = document["paths"][f"/v1/models/{path}"]["post"]["requestBody"]["content"]["application/json"]
        assert parse_predict(body["example"], Arrival(surface, CATALOGUE, 2e9, "r", TYPES))  # type: ignore[arg-type]
