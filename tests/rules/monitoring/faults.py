"""What is wrong with a query or a dashboard, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from monitoring.known_metrics import is_of_a_release
from monitoring.promql import Expression, read

BOTH = {"namespace", "release"}
OF_THE_SCRAPER = {"job", "instance", "exported_job", "exported_instance"}
DATA_SOURCE = {"type": "prometheus", "uid": "$datasource"}
VARIABLES = ["datasource", "namespace", "release"]
WIDTH = 24


def faults_of_query(expression: Expression, known: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Of any query: it names what exists, and keeps releases apart however they are scraped."""
    labels = {label for metric in expression.metrics for label in known.get(metric, ())}
    for metric in sorted(expression.metrics - set(known)):
        yield f"no metric {metric}"
    for selector in expression.selectors:
        for label in sorted(set(selector.matchers) - set(known.get(selector.metric, selector.matchers))):
            yield f"{selector.metric} has no label {label}"
        for label in sorted(OF_THE_SCRAPER & set(selector.matchers)):
            yield f"selects by {label}"
    for grouping in (*expression.groupings, *expression.joins):
        for label in sorted(OF_THE_SCRAPER & set(grouping)):
            yield f"groups by {label}"
    of_releases = all(map(is_of_a_release, expression.metrics))
    for place, grouping in enumerate(expression.groupings):
        for label in sorted((BOTH if of_releases or place == 0 else {"namespace"}) - set(grouping)):
            yield f"a grouping without {label}"
        for label in sorted(set(grouping) - labels):
            yield f"groups by {label}, which no metric in it has"


def faults_of_panel_query(text: str, legend: str, known: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Of a query in a dashboard: it asks for the release that the variables name."""
    expression = read(text)
    yield from faults_of_query(expression, known)
    for selector in expression.selectors:
        wanted = BOTH if is_of_a_release(selector.metric) else {"namespace"}
        for label in sorted(wanted):
            if selector.matchers.get(label) != f"=${label}":
                yield f"{selector.metric} is not selected by ${label}"
    for function, window in re.findall(r"\b(rate|irate|increase)\s*\([^\[\]]*\[([^\]]*)\]", text):
        if function != "increase" and window != "$__rate_interval":
            yield f"{function} over {window}, expected $__rate_interval"
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        if not expression.groupings or label not in expression.groupings[0]:
            yield f"the legend names {label}, which the result does not have"


def faults_of_dashboard(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Of all but its queries."""
    for key, wanted in {"editable": False, "tags": ["recommender"], "refresh": "30s"}.items():
        if dashboard.get(key) != wanted:
            yield f"{key} is {dashboard.get(key)!r}, expected {wanted!r}"
    if not re.fullmatch(r"recommender-[a-z]{1,28}", dashboard["uid"]):
        yield f"uid {dashboard['uid']!r}"
    variables = dashboard["templating"]["list"]
    if [variable["name"] for variable in variables] != VARIABLES:
        yield f"variables {[variable['name'] for variable in variables]}, expected {VARIABLES}"
    panels = dashboard["panels"]
    if len({panel["id"] for panel in panels}) < len(panels):
        yield "two panels of one id"
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        yield from (f"panel {panel['title']!r}: {fault}" for fault in _faults_of_panel(panel))
        place = panel["gridPos"]
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            if cell[0] >= WIDTH or taken.setdefault(cell, panel["title"]) != panel["title"]:
                yield f"panel {panel['title']!r} lies over another or over the edge"
                break


def _faults_of_panel(panel: Mapping[str, Any]) -> Iterator[str]:
    if panel["type"] == "row":
        return
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"no {key}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if not panel["targets"]:
        yield "no query"
    for holder in (panel, *panel["targets"]):
        if holder.get("datasource") != DATA_SOURCE:
            yield f"data source {holder.get('datasource')}, expected the variable"
