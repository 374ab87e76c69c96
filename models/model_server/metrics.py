"""TF Serving's metrics under its own names, as Prometheus reads them."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter

_LIMITS = tuple(10 * 1.8**power for power in range(33))
_REQUEST_COUNT = ":tensorflow:serving:request_count"
_REQUEST_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME_LATENCY = ":tensorflow:serving:runtime_latency"

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counts and latencies in microseconds; safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Labels] = Counter()
        self._buckets: dict[tuple[str, Labels], list[int]] = {}
        self._sums: Counter[tuple[str, Labels]] = Counter()

    def answered(self, model: str, entrypoint: str, seconds: float) -> None:
        """A Predict that succeeded, over GRPC or REST."""
        with self._lock:
            self._counts[("model_name", model), ("status", "OK")] += 1
            self._observe(_REQUEST_LATENCY, (("model_name", model), ("API", "predict"), ("entrypoint", entrypoint)), seconds)

    def refused(self, model: str, status: str) -> None:
        with self._lock:
            self._counts[("model_name", model), ("status", status)] += 1

    def ran(self, model: str, seconds: float) -> None:
        with self._lock:
            self._observe(_RUNTIME_LATENCY, (("model_name", model), ("API", "Predict"), ("runtime", "TF1")), seconds)

    def page(self) -> str:
        with self._lock:
            lines = [f"# TYPE {_REQUEST_COUNT} counter"]
            lines += [f"{_REQUEST_COUNT}{{{_labels(labels)}}} {count}" for labels, count in sorted(self._counts.items())]
            for name in (_REQUEST_LATENCY, _RUNTIME_LATENCY):
                lines.append(f"# TYPE {name} histogram")
                for key in sorted(key for key in self._buckets if key[0] == name):
                    lines += self._histogram(key)
        return "\n".join([*lines, ""])

    def _observe(self, name: str, labels: Labels, seconds: float) -> None:
        microseconds = int(seconds * 1e6)
        buckets = self._buckets.setdefault((name, labels), [0] * (len(_LIMITS) + 1))
        buckets[bisect_left(_LIMITS, microseconds)] += 1
        self._sums[name, labels] += microseconds

    def _histogram(self, key: tuple[str, Labels]) -> list[str]:
        name, labels = key
        lines, total = [], 0
        for limit, count in zip([*(f"{limit:g}" for limit in _LIMITS), "+Inf"], self._buckets[key], strict=True):
            total += count
            lines.append(f'{name}_bucket{{{_labels(labels)},le="{limit}"}} {total}')
        return [*lines, f"{name}_sum{{{_labels(labels)}}} {self._sums[key]}", f"{name}_count{{{_labels(labels)}}} {total}"]


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
