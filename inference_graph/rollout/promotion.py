"""Whether a candidate may take the place of the live model: it is one release, loads, warms up, answers, and is not worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference_graph.errors import DependencyError, InferenceGraphError
from inference_graph.rollout.candidate import ModelRelease, metric_of, read_card
from inference_graph.rollout.cluster import Cluster
from inference_graph.rollout.findings import Finding
from inference_graph.rollout.live_model import live_model, live_uri
from inference_graph.rollout.model_signature import ModelSignature, differences, of_card, of_metadata, smallest_inputs
from inference_graph.rollout.trial_server import trial_server

METRICS = {"ranking": "ndcg@10 ranker", "retrieval": "recall@100 retrieval"}
ANOTHER_SIGNATURE = "another signature goes up as a second release, and the route switches (docs/rollout.md)"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a candidate; `live_copy` is a folder with the live release, where its storage cannot be read from here."""

    model: str
    metric: str
    tolerance: float
    any_metric: bool
    live_copy: Path | None
    load_seconds: float


def findings(cluster: Cluster, release: str, candidate: ModelRelease, question: Question) -> Iterator[Finding]:
    """In the order in which a person would look; no answer to one keeps the others from being asked."""
    _, uri = live_uri(cluster, release, question.model)
    yield Finding("release folder", True, f"version {candidate.version} alone")
    if uri == candidate.uri:
        yield Finding("new", False, f"{uri} is what is served now")
    words = (
        "recorded requests are replayed before it serves"
        if candidate.has_warm_up
        else "no requests to warm it up: its first answers would be slow"
    )
    yield Finding("warm-up", candidate.has_warm_up, words)
    card, card_problem = _live_card(uri, question.live_copy)
    live, versions, unknown = _live(cluster, release, question.model, card)
    if candidate.version in versions:
        yield Finding("version", None, f"{candidate.version} is also the live one's number: answers will not tell them apart")
    yield from _served(candidate, live, unknown, question.load_seconds)
    yield _metric(candidate.card, card, card_problem, question)


def _live_card(uri: str, copy: Path | None) -> tuple[Mapping[str, Any], str]:
    try:
        return read_card(uri, copy), f"{uri} has no card.json"
    except (InferenceGraphError, OSError) as error:
        return {}, str(error)


def _live(cluster: Cluster, release: str, model: str, card: Mapping[str, Any]) -> tuple[ModelSignature | None, tuple[str, ...], str]:
    """The live signature: the server's own word, or else its card's."""
    try:
        found = live_model(cluster, release, model)
        return found.signature, found.versions, ""
    except DependencyError as error:
        reason = str(error)
    try:
        return of_card(card), (), ""
    except DependencyError:
        return None, (), reason


def _served(candidate: ModelRelease, live: ModelSignature | None, unknown: str, seconds: float) -> Iterator[Finding]:
    try:
        with trial_server(candidate.folder, seconds) as server:
            yield Finding("loads", True, "in our model server, warm-up included")
            own = of_metadata(server.metadata())
            if live is None:
                yield Finding("signature", False, f"the live one is not known: {unknown}")
                return
            if different := list(differences(live, own)):
                yield Finding("signature", False, f"{'; '.join(different)}: {ANOTHER_SIGNATURE}")
                return
            yield Finding("signature", True, f"{len(own.inputs)} inputs and {len(own.outputs)} outputs as live")
            server.predict(smallest_inputs(live))
            yield Finding("answers", True, "a request of the live signature")
    except InferenceGraphError as error:
        yield Finding("loads and answers", False, str(error))


def _metric(card: Mapping[str, Any], live_card: Mapping[str, Any], live_problem: str, question: Question) -> Finding:
    new, old = metric_of(card, question.metric), metric_of(live_card, question.metric)
    unfit = None if question.any_metric else False
    if new is None:
        return Finding("offline metric", unfit, f"the candidate's card.json has no {question.metric!r}")
    if old is None:
        return Finding("offline metric", unfit, f"{question.metric} {new:.4f}; the live one's is not known: {live_problem}")
    same = "" if card.get("metrics_on") == live_card.get("metrics_on") else " (measured on other requests)"
    words = f"{question.metric} {new:.4f}, live {old:.4f}{same}"
    return Finding("offline metric", True if new >= old - question.tolerance else unfit, words)
