"""The chart's rules and dashboards as they are, and promtool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts/recommender"
RULES = sorted((CHART / "files/rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "files/dashboards").glob("*.json"))
PROMTOOL_TESTS = sorted((ROOT / "tests/rules/promtool").glob("*.yaml"))
RUNBOOK = ROOT / "docs/runbook.md"


def rules(kind: str) -> list[dict[str, Any]]:
    """Every rule that has the key `alert` or `record`."""
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def dashboards() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in DASHBOARDS}


def queries(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Panel, expression and legend of each query."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def tool(name: str) -> str | None:
    """`make chart-tools` builds it."""
    return shutil.which(name, path=f"{ROOT / '.cache/bin'}{os.pathsep}{os.environ['PATH']}")


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = tool(name)
    assert program is not None
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)


def rendered(*settings: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The chart's objects by kind and name, of a release `rec` in the namespace `shop`."""
    chosen = [part for setting in settings for part in ("--set", setting)]
    ran = run("helm", "template", "rec", str(CHART), "--kube-version", "1.34", "--namespace", "shop", *chosen)
    if ran.returncode:
        raise ValueError(ran.stderr)
    return {(found["kind"], found["metadata"]["name"]): found for found in yaml.safe_load_all(ran.stdout) if found}
