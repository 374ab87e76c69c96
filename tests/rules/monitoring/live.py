"""Asks a real Prometheus every query of every dashboard, and lists those that find nothing.

PYTHONPATH=tests/rules:models python -m monitoring.live http://127.0.0.1:9090 NAMESPACE RELEASE
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from urllib.parse import urlencode
from urllib.request import urlopen

from monitoring.files import dashboards, queries

RATE_INTERVAL = "2m"


def empty_panels(prometheus: str, namespace: str, release: str) -> Iterator[str]:
    """`dashboard / panel: query` of each query without a single number; NaN, as of a share of nothing, is none."""
    for name, dashboard in dashboards().items():
        for panel, text, _ in queries(dashboard):
            asked = text.replace("$namespace", namespace).replace("$release", release).replace("$__rate_interval", RATE_INTERVAL)
            if not any(math.isfinite(value) for value in _values(prometheus, asked)):
                yield f"{name} / {panel}: {asked}"


def _values(prometheus: str, query: str) -> list[float]:
    with urlopen(f"{prometheus}/api/v1/query?{urlencode({'query': query})}", timeout=30) as reply:
        found = json.load(reply)["data"]["result"]
    return [float(one["value"][1]) for one in found]


if __name__ == "__main__":
    empty = list(empty_panels(*sys.argv[1:4]))
    print("\n".join(empty) or "every query finds something")
    sys.exit(bool(empty))
