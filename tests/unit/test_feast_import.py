"""Feast's classes are imported as they are written, which takes a third of the time; others keep typeguard's checks."""

from __future__ import annotations

import subprocess
import sys

import pytest

IS_REWRITTEN = """
import {imported}
import typeguard
from feast import FeatureView
print("TypeCheckMemo" in FeatureView.__init__.__code__.co_names)

@typeguard.typechecked
def checked(value: int) -> None: ...

try:
    checked("text")
except typeguard.TypeCheckError:
    print("others are checked")
"""


@pytest.mark.parametrize(("imported", "rewritten"), [("inference_graph.clients.feature_store", "False"), ("feast", "True")])
def test_our_import_leaves_feasts_classes_as_they_are_and_typeguard_to_others(imported: str, rewritten: str, tmp_path) -> None:
    # A file, because typeguard reads the source of what it rewrites.
    script = tmp_path / "script.py"
    script.write_text(IS_REWRITTEN.format(imported=imported))
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert run.stdout.split("\n")[:2] == [rewritten, "others are checked"], run.stderr
