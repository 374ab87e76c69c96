"""What each stage took, from the difference of two readings of /metrics: measuring changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from inference_graph.bench.asking import Asking
from inference_graph.bench.http_messages import get

STEPS = "recommender_step_seconds"
CANDIDATES = "recommender_candidates"
SHARES = (50, 95, 99)


@dataclass(frozen=True)
class Reading:
    """Cumulative counts by component and upper bound (seconds), sums, and the candidates that the ranker has seen."""

    buckets: Mapping[str, Mapping[float, float]]
    sums: Mapping[str, float]
    ranked: float

    @classmethod
    def of(cls, port: int) -> Reading:
        with Asking(port) as asking:
            return cls.parse(asking.ask(get("/metrics")).body.decode())

    @classmethod
    def parse(cls, text: str) -> Reading:
        buckets: dict[str, dict[float, float]] = {}
        sums: dict[str, float] = {}
        ranked = 0.0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                component = sample.labels.get("component", "")
                if sample.name == f"{STEPS}_bucket":
                    buckets.setdefault(component, {})[float(sample.labels["le"])] = sample.value
                elif sample.name == f"{STEPS}_sum":
                    sums[component] = sample.value
                elif sample.name == f"{CANDIDATES}_total" and component == "ranker" and sample.labels["direction"] == "in":
                    ranked = sample.value
        return cls(buckets, sums, ranked)

    def since(self, before: Reading) -> dict[str, dict[str, float]]:
        """By component: the mean, and percentiles as far as the buckets tell, in milliseconds."""
        found = {}
        for component, buckets in self.buckets.items():
            earlier = before.buckets.get(component, {})
            counts = {bound: count - earlier.get(bound, 0.0) for bound, count in sorted(buckets.items())}
            if total := counts.get(math.inf, 0.0):
                mean = (self.sums[component] - before.sums.get(component, 0.0)) / total
                shares = {f"p{share}_ms": round(1000 * _quantile(counts, share / 100), 2) for share in SHARES}
                found[component] = {"mean_ms": round(1000 * mean, 2), **shares}
        return found


def _quantile(counts: Mapping[float, float], share: float) -> float:
    """As Prometheus's histogram_quantile: linear within the bucket; the last bound where it lies beyond."""
    wanted = share * counts[math.inf]
    lower, below = 0.0, 0.0
    for bound, count in counts.items():
        if count >= wanted:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower
