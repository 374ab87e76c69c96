"""docs/api.md lists the metrics that exist, with their labels."""

from __future__ import annotations

import re

from monitoring.files import ROOT
from monitoring.known_metrics import TARGET, known

EXPOSED = re.compile(r"_(bucket|sum|count)$")


def test_every_metric_is_documented_with_its_labels_and_none_that_is_gone() -> None:
    exist: dict[str, set[str]] = {}
    for name, labels in known().items():
        if name.startswith("recommender_"):
            exist[EXPOSED.sub("", name)] = set(labels) - {*TARGET, "le", "exported_component"}
    documented: dict[str, set[str]] = {}
    for line in (ROOT / "docs/api.md").read_text().splitlines():
        if line.startswith("| `recommender_"):
            names, labels = (re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3])
            documented |= {name: set(labels) for name in names}
    assert documented == exist
