"""Every metric of the graph; never a user or an item id in a label."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram, Info

STEP_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0)

REQUESTS = Counter("recommender_requests", "Answered requests", ["surface", "code"])
REQUEST_SECONDS = Histogram("recommender_request_seconds", "Time to an answer", ["surface"], buckets=STEP_BUCKETS)
STEP_SECONDS = Histogram("recommender_step_seconds", "Time of one step of the graph", ["role", "component"], buckets=STEP_BUCKETS)
STEP_FAILURES = Counter("recommender_step_failures", "Steps that failed and were done without", ["component", "reason"])
CANDIDATES = Counter("recommender_candidates", "Candidates that came in and went out", ["component", "direction"])
ANSWERS = Counter("recommender_answers", "Answers by what was known of the user; a request may ask for several", ["surface", "user"])
DEGRADED_ANSWERS = Counter("recommender_degraded_answers", "Answers that did without anything", ["surface"])
EMPTY_ANSWERS = Counter("recommender_empty_answers", "Answers without a single item", ["surface"])
DEGRADED = Counter("recommender_degraded", "Answers that did without a component", ["component"])
SHOWN = Counter("recommender_shown", "Items shown, by each source that proposed them", ["source"])
SCORE = Histogram("recommender_score", "Final scores of shown items", buckets=tuple(i / 20 for i in range(1, 21)))
DIVERSITY = Histogram(
    "recommender_diversity",
    "One minus the mean cosine similarity by content among an answer's first ten items",
    buckets=tuple(i / 20 for i in range(1, 21)),
)
COVERAGE = Gauge("recommender_catalogue_coverage_ratio", "Share of the catalogue that this process showed within the last hour")
UNKNOWN_ITEMS = Counter("recommender_unknown_items", "Item ids that the catalogue does not know")
EVENTS = Counter("recommender_events", "Events received", ["result"])
for _result in ("stored", "duplicate", "rejected", "failed"):
    EVENTS.labels(_result)
EVENT_LOOP_LAG = Gauge("recommender_event_loop_lag_seconds", "How late the event loop runs its timers")
CANDIDATES_FACTOR = Gauge("recommender_candidates_factor", "Share of the candidates that is ranked; under 1 in overload")
CONCURRENCY_LIMIT = Gauge("recommender_concurrency_limit", "Requests for answers at work at once beyond which one is refused")
SNAPSHOT_AGE = Gauge("recommender_snapshot_age_seconds", "Age of the catalogue snapshot in use")
FEATURE_AGE = Gauge("recommender_feature_age_seconds", "How far the snapshot's features are behind the graph's clock")
GRAPH_REFUSED = Gauge("recommender_graph_refused", "1 while graph.yaml is broken; the graph before it, if there is one, stays in use")
INFO = Info("recommender", "Versions in use")


# A counter that appears with its first count hides that count from a rate: what alerts look at begins at zero.


def begin_requests_at_zero(surface: str) -> None:
    for code in ("200", "429", "500", "503"):
        REQUESTS.labels(surface, code)


def begin_answers_at_zero(surface: str, steps: Sequence[str], parts: Sequence[str]) -> None:
    """`parts`: what an answer can lack beside whole steps."""
    for user in ("known", "unknown", "anonymous"):
        ANSWERS.labels(surface, user)
    for counter in (DEGRADED_ANSWERS, EMPTY_ANSWERS):
        counter.labels(surface)
    for name in (*steps, *parts):
        DEGRADED.labels(name)
    for name in steps:
        for reason in ("bug", "timeout", "unavailable"):
            STEP_FAILURES.labels(name, reason)
