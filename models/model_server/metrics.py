"""TF Serving's metrics under its own names, as Prometheus reads them; every duration in microseconds."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field

_REQUEST_COUNT = "request_count"
_REQUEST_LATENCY = "request_latency"
_RUNTIME_LATENCY = "runtime_latency"
_WARM_UP_LATENCY = "model_warmup_latency"
_WARM_UP_RECORDS = "model_warmup_records_read"
_QUEUING_LATENCY = "batching_session/queuing_latency"
_WRAPPED_RUN_COUNT = "batching_session/wrapped_run_count"
_INPUT_BATCH_SIZE = "batching_session/input_batch_size"
_PROCESSED_BATCH_SIZE = "batching_session/processed_batch_size"
_PADDING_SIZE = "batching_session/padding_size"


def _powers(first: float, factor: float, count: int) -> tuple[float, ...]:
    return tuple(first * factor**power for power in range(count))


_TO_20_MINUTES, _TO_1_SECOND, _TO_8192_ROWS = _powers(10, 1.8, 33), _powers(100, 1.2, 52), _powers(1, 2, 14)

# Of each metric, the names of its labels.
_COUNTERS: dict[str, tuple[str, ...]] = {
    _REQUEST_COUNT: ("model_name", "status"),
    _WARM_UP_RECORDS: ("model_path", "status"),
    _WRAPPED_RUN_COUNT: (),
}
_HISTOGRAMS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    _REQUEST_LATENCY: (("model_name", "API", "entrypoint"), _TO_20_MINUTES),
    _RUNTIME_LATENCY: (("model_name", "API", "runtime"), _TO_20_MINUTES),
    _WARM_UP_LATENCY: (("model_path", "status"), _TO_20_MINUTES),
    _QUEUING_LATENCY: (("thread_pool_name",), _TO_1_SECOND),
    _INPUT_BATCH_SIZE: ((), _TO_8192_ROWS),
    _PROCESSED_BATCH_SIZE: ((), _TO_8192_ROWS),
    _PADDING_SIZE: (("execution_batch_size",), _TO_8192_ROWS),
}
_PREFIX = "/tensorflow/serving/"

Labels = tuple[str, ...]


@dataclass
class _Histogram:
    limits: tuple[float, ...]
    total: int = 0
    buckets: list[int] = field(default_factory=list)

    def add(self, value: int) -> None:
        self.buckets = self.buckets or [0] * (len(self.limits) + 1)
        self.buckets[bisect_left(self.limits, value)] += 1
        self.total += value


class Metrics:
    """Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[Labels, int]] = {name: {} for name in _COUNTERS}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {name: {} for name in _HISTOGRAMS}

    def answered(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """A request that succeeded, over GRPC or REST; `api` is Predict or, over REST, predict or nothing, as in TF Serving."""
        self._count(_REQUEST_COUNT, model, "OK")
        self._observe(_REQUEST_LATENCY, _microseconds(seconds), model, api, entrypoint)

    def refused(self, model: str, status: str) -> None:
        self._count(_REQUEST_COUNT, model, status)

    def ran(self, model: str, seconds: float) -> None:
        self._observe(_RUNTIME_LATENCY, _microseconds(seconds), model, "Predict", "TF1")

    def warmed_up(self, path: str, status: str, records: int, seconds: float) -> None:
        self._count(_WARM_UP_RECORDS, path, status, by=records)
        self._observe(_WARM_UP_LATENCY, _microseconds(seconds), path, status)

    def queued(self, pool: str, rows: int, seconds: float) -> None:
        self._observe(_INPUT_BATCH_SIZE, rows)
        self._observe(_QUEUING_LATENCY, _microseconds(seconds), pool)

    def ran_batch(self, rows: int, padding: int) -> None:
        self._count(_WRAPPED_RUN_COUNT)
        self._observe(_PROCESSED_BATCH_SIZE, rows)
        self._observe(_PADDING_SIZE, padding, str(rows))

    def value(self, name: str) -> int:
        """Of a counter's first series, by its full name; 0 for any other: what a configuration reload reports the increase of."""
        with self._lock:
            series = self._counts.get(name.removeprefix(_PREFIX), {})
            return series[min(series)] if series else 0

    def page(self) -> str:
        lines: list[str] = []
        with self._lock:
            for name in sorted({*_COUNTERS, *_HISTOGRAMS}):
                shown = (_PREFIX + name).replace("/", ":")
                if name in _COUNTERS:
                    lines.append(f"# TYPE {shown} counter")
                    series = sorted(self._counts[name].items())
                    lines += [f"{shown}{{{_pairs(_COUNTERS[name], labels)}}} {count}" for labels, count in series]
                else:
                    lines.append(f"# TYPE {shown} histogram")
                    for labels, histogram in sorted(self._histograms[name].items(), key=lambda one: one[0]):
                        lines += _lines(shown, _pairs(_HISTOGRAMS[name][0], labels), histogram)
        return "\n".join([*lines, ""])

    def _count(self, name: str, *labels: str, by: int = 1) -> None:
        with self._lock:
            self._counts[name][labels] = self._counts[name].get(labels, 0) + by

    def _observe(self, name: str, value: int, *labels: str) -> None:
        with self._lock:
            self._histograms[name].setdefault(labels, _Histogram(_HISTOGRAMS[name][1])).add(value)


def _microseconds(seconds: float) -> int:
    return int(seconds * 1e6)


def _lines(name: str, pairs: str, histogram: _Histogram) -> list[str]:
    lines, total = [], 0
    for limit, count in zip([*(f"{limit:g}" for limit in histogram.limits), "+Inf"], histogram.buckets, strict=True):
        total += count
        lines.append(f'{name}_bucket{{{pairs}{"," if pairs else ""}le="{limit}"}} {total}')
    return [*lines, f"{name}_sum{{{pairs}}} {histogram.total}", f"{name}_count{{{pairs}}} {total}"]


def _pairs(names: Labels, values: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
