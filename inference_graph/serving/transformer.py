"""The KServe transformer: each surface is a model whose predict runs its pipeline. The only file that imports kserve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
from fastapi import FastAPI
from kserve import Model, ModelRepository
from kserve.errors import ModelNotFound, ModelNotReady
from kserve.metrics import EXPLAIN_HIST_TIME, POST_HIST_TIME, PRE_HIST_TIME, PREDICT_HIST_TIME, get_labels
from kserve.model import InferenceVerb
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.rest.v1_endpoints import register_v1_endpoints
from starlette.types import ASGIApp

from inference_graph.catalogue import Catalogue
from inference_graph.pipeline import Answer, Pipeline
from inference_graph.serving.answers import explanation, prediction
from inference_graph.serving.arrivals import arrived
from inference_graph.serving.checks import decoded
from inference_graph.serving.error_answers import RETRY, Fault, Refused, install
from inference_graph.serving.event_routes import EventLog, event_routes
from inference_graph.serving.gauges import VersionsSeen
from inference_graph.serving.graph_feed import Graph
from inference_graph.serving.openapi import openapi
from inference_graph.serving.pages import pages
from inference_graph.serving.predicting import Predicting
from inference_graph.serving.protocol import Arrival, Surface, parse_predict
from inference_graph.sources.similar_to_liked import SimilarToLiked
from inference_graph.types import Deadline, Query, Rows


class DataClock(Protocol):
    @property
    def last_newest(self) -> float | None: ...


class InUse(Protocol):
    """What is in use at this moment; a request asks once and keeps what it got."""

    @property
    def ready(self) -> bool: ...
    @property
    def catalogue(self) -> Catalogue | None: ...
    @property
    def graph(self) -> Graph | None: ...
    @property
    def awaited(self) -> str: ...
    @property
    def clock(self) -> DataClock: ...


@dataclass(frozen=True, slots=True)
class Work:
    """A parsed request."""

    queries: tuple[Query, ...]
    graph: Graph
    pipeline: Pipeline
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Outcome:
    answers: tuple[Answer, ...]
    work: Work
    explained: bool = False


class Recommender(Model):  # type: ignore[misc]  # KServe ships no types
    """preprocess parses, predict recommends, postprocess renders; nothing of a request is kept on the instance."""

    def __init__(self, name: str, surface: Surface, in_use: InUse, versions: VersionsSeen) -> None:
        super().__init__(name)
        self._surface = surface
        self._in_use = in_use
        self._versions = versions
        histograms = (PRE_HIST_TIME, PREDICT_HIST_TIME, EXPLAIN_HIST_TIME, POST_HIST_TIME)
        self._preprocess, self._predict, self._explain, self._postprocess = (h.labels(**get_labels(name)) for h in histograms)

    async def healthy(self) -> bool:
        return self._in_use.ready

    def load(self) -> bool:
        return self._in_use.ready

    async def __call__(
        self, body: Any, headers: Mapping[str, str] | None = None, verb: InferenceVerb = InferenceVerb.PREDICT
    ) -> tuple[bytes, dict[str, str]]:
        """KServe's own and its histograms, without asking for every request anew which of the steps are coroutines."""
        with self._preprocess.time():
            work = self.preprocess(body, headers)
        if verb == InferenceVerb.EXPLAIN:
            with self._explain.time():
                outcome = await self.explain(work)
        else:
            with self._predict.time():
                outcome = await self.predict(work)
        with self._postprocess.time():
            return self.postprocess(outcome), {"content-type": "application/json"}

    def preprocess(self, payload: Any, headers: Mapping[str, str] | None = None) -> Work:
        graph, catalogue = self._in_use.graph, self._in_use.catalogue
        if catalogue is None or graph is None:
            raise ModelNotReady(self.name)
        pipeline = graph.pipelines.get(self._surface)
        if pipeline is None:
            raise ModelNotFound(self.name)
        overload = pipeline.overload
        deadline = Deadline.after(graph.config.timeout_seconds, since=arrived(), hurry=lambda: overload.budget)
        arrival = Arrival(
            surface=self._surface,
            catalogue=catalogue,
            now=graph.now(catalogue, self._in_use.clock.last_newest),
            request_id=(headers or {}).get("x-request-id", ""),
            event_types=graph.event_types,
            item_event=graph.config.item_event,
            fresh_columns=graph.fresh_columns(self._surface),
        )
        return Work(parse_predict(decoded(payload), arrival), graph, pipeline, deadline)

    async def predict(self, payload: Work) -> Outcome:
        """All instances side by side; each ends by the deadline, also those that a failed one leaves behind."""
        recommend, deadline = payload.pipeline.recommend, payload.deadline
        if len(payload.queries) == 1:
            return Outcome((await recommend(payload.queries[0], deadline),), payload)
        return Outcome(tuple(await asyncio.gather(*(recommend(query, deadline) for query in payload.queries))), payload)

    async def explain(self, payload: Work) -> Outcome:
        outcome = await self.predict(payload)
        return Outcome(outcome.answers, payload, explained=True)

    def postprocess(self, result: Outcome) -> bytes:
        sources, version = result.work.pipeline.source_names, result.work.graph.config.version
        if result.explained:
            seeds = [_seeds(result.work.pipeline, answer.query) for answer in result.answers]
            rendered = [explanation(a, sources, s, version) for a, s in zip(result.answers, seeds, strict=True)]
        else:
            rendered = [prediction(answer, sources, version) for answer in result.answers]
        self._versions.saw(rendered[-1]["versions"])
        _count_load(result)
        return orjson.dumps({"predictions": rendered})


def _count_load(outcome: Outcome) -> None:
    """What the answer says about load; explanations and several answers at once take longer by nature."""
    answers, overload = outcome.answers, outcome.work.pipeline.overload
    usual = len(answers) == 1 and not outcome.explained
    overload.answered(
        time.monotonic() - arrived() - answers[0].in_vain if usual else None,
        overloaded=any(answer.overloaded for answer in answers),
        ranker_late=any(answer.ranker_late for answer in answers),
    )


def _seeds(pipeline: Pipeline, query: Query) -> Rows:
    for step in pipeline.sources:
        if isinstance(step.component, SimilarToLiked):
            return step.component.seed_rows(query)
    return np.empty(0, np.int32)


def build_app(names: Mapping[str, Surface], in_use: InUse, log: EventLog) -> ASGIApp:
    """Every route: KServe's v1 for the models, ours for the rest. KServe's v2 and its gRPC are not served (ADR)."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    models, versions = ModelRepository(), VersionsSeen()
    for name, surface in names.items():
        models.update(Recommender(name, surface, in_use, versions))
    app.include_router(pages(openapi(names)))
    app.include_router(event_routes(log, lambda: _event_types(in_use), lambda: in_use.catalogue))
    plane, vendors = DataPlane(model_registry=models), {ModelNotFound: _not_found, ModelNotReady: lambda _: _not_ready(in_use)}
    register_v1_endpoints(app, plane, None)
    install(app, vendors)
    return Predicting(app, plane, {f"/v1/models/{name}:predict": name for name in names}, ModelNotReady, vendors)


def paths(names: Mapping[str, Surface]) -> dict[str, str]:
    """The surface of each path that answers come from."""
    return {f"/v1/models/{name}:{verb}": surface for name, surface in names.items() for verb in ("predict", "explain")}


def _not_found(error: Exception) -> Fault:
    # KServe keeps the name, which may hold anything, only within a sentence.
    name = str(error).removeprefix("Model with name ").removesuffix(" does not exist.")
    return Fault(404, f"model: expected one that GET /v1/models names, got {name[:80]!r}", "model")


def _not_ready(in_use: InUse) -> Fault:
    return Fault(503, f"not ready: {in_use.awaited}, try again", None, RETRY)


def _event_types(in_use: InUse) -> frozenset[str]:
    if in_use.graph is None:
        raise Refused(_not_ready(in_use))
    return in_use.graph.event_types
