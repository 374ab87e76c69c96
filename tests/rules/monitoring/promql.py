"""What a PromQL expression selects and groups by; promtool says whether it is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

AGGREGATORS = {"sum", "min", "max", "avg", "group", "count", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"}
OPERATORS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}
NAME = r"[a-zA-Z_:][\w:]*"
STRING = r'"(?:\\.|[^"\\])*"'

_TOKENS = re.compile(
    rf"(?P<words>\b(?:by|without|on|ignoring|group_left|group_right)\b)\s*(?:\((?P<labels>[^)]*)\))?"
    rf"|(?P<metric>(?<![\w.:]){NAME})?\s*\{{(?P<matchers>(?:{STRING}|[^}}\"])*)\}}"
    rf"|(?P<called>(?<![\w.:]){NAME})(?=\s*\()"
    rf"|(?P<name>(?<![\w.:]){NAME})"
    rf"|(?P<range>\[[^\]]*\])"
    rf"|{STRING}"
)
_MATCHER = re.compile(rf"(?P<label>\w+)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>{STRING})")


@dataclass(frozen=True)
class Selector:
    metric: str
    matchers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Expression:
    """`groupings`: the labels of each `by`, the outermost one of the left side first; `ranges` as written."""

    text: str
    selectors: tuple[Selector, ...]
    groupings: tuple[tuple[str, ...], ...]
    joins: tuple[tuple[str, ...], ...]
    ranges: tuple[str, ...]

    @property
    def metrics(self) -> set[str]:
        return {selector.metric for selector in self.selectors}


def read(text: str) -> Expression:
    selectors = tuple(_selectors(text))
    groupings, joins, ranges = [], [], []
    for token in _TOKENS.finditer(text):
        labels = tuple(label.strip() for label in (token["labels"] or "").split(",") if label.strip())
        if token["words"] in ("by", "without"):
            groupings.append(labels if token["words"] == "by" else ())
        elif token["words"] is not None:
            joins.append(labels)
        elif token["range"] is not None:
            ranges.append(token["range"][1:-1])
    return Expression(text, selectors, tuple(groupings), tuple(joins), tuple(ranges))


def _selectors(text: str) -> Iterator[Selector]:
    for token in _TOKENS.finditer(text):
        if token["matchers"] is not None:
            matchers = {m["label"]: m["how"] + m["value"][1:-1] for m in _MATCHER.finditer(token["matchers"])}
            named = "" if token["metric"] in OPERATORS else token["metric"]
            yield Selector(named or matchers.pop("__name__", "=").removeprefix("="), matchers)
        elif token["name"] is not None and token["name"].lower() not in AGGREGATORS | OPERATORS:
            yield Selector(token["name"])
