"""The transformer's process: settings from the environment, services, feeds, routes, and one event loop until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop

from inference_graph import metrics  # noqa: F401  # before Feast, whose import would switch prometheus_client to files
from inference_graph.catalogue import Catalogue
from inference_graph.clients.user_events import UserEvents
from inference_graph.errors import InferenceGraphError
from inference_graph.overload import Overload
from inference_graph.serving.arrivals import EventLoopLag
from inference_graph.serving.catalogue_feed import CatalogueFeed
from inference_graph.serving.front import Front, Limits
from inference_graph.serving.gauges import watch_catalogue, watch_event_loop, watch_overload
from inference_graph.serving.graph_feed import Graph, GraphFeed
from inference_graph.serving.http_protocol import bounded
from inference_graph.serving.protocol import Surface
from inference_graph.serving.readiness import Readiness
from inference_graph.serving.server import DrainingServer, listen
from inference_graph.serving.services import Services
from inference_graph.serving.transformer import build_app, paths
from inference_graph.settings import Settings
from inference_graph.snapshots import SnapshotStore

logger = logging.getLogger(__name__)


def main() -> None:
    """Serves until SIGTERM or SIGINT; a wrong setting ends it with one line and status 1."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("inference_graph").setLevel(logging.INFO)
    # uvicorn raises the signal again once it has stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(*_settings()))
    except InferenceGraphError as error:
        sys.exit(f"error: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit(130)


def _settings() -> tuple[Settings, Mapping[str, Surface]]:
    """From the environment; the arguments are those that KServe gives to every transformer."""
    parser = argparse.ArgumentParser(description="The recommender's KServe transformer; its settings are environment variables.")
    parser.add_argument("--model_name", default="recommender", help="name of the home surface in URLs (default: recommender)")
    parser.add_argument("--http_port", type=int, help="port to listen on, instead of PORT")
    given, _ = parser.parse_known_args()
    settings = Settings.from_environment()
    if given.http_port is not None:
        settings = settings.model_copy(update={"port": given.http_port})
    return settings, {given.model_name: "home", "similar": "similar"}


@dataclass(frozen=True)
class Process:
    """What is in use, as the routes see it."""

    graphs: GraphFeed
    catalogues: CatalogueFeed
    readiness: Readiness
    clock: UserEvents

    @property
    def ready(self) -> bool:
        return self.readiness.ready

    @property
    def catalogue(self) -> Catalogue | None:
        return self.catalogues.catalogue

    @property
    def graph(self) -> Graph | None:
        return self.graphs.graph

    def now(self, catalogue: Catalogue) -> float:
        return time.time() if self.graph is None else self.graph.now(catalogue, self.clock.last_newest)

    @property
    def awaited(self) -> str:
        if self.graph is None:
            return f"graph.yaml is refused: {self.graphs.refused}"
        return "the first catalogue snapshot or a service is awaited"


async def serve(settings: Settings, names: Mapping[str, Surface]) -> None:
    listener = listen(settings.host, settings.port)
    services = Services.of(settings)
    store = SnapshotStore(settings.snapshot_store, settings.snapshot_cache)
    catalogues = CatalogueFeed(store, settings.snapshot_pin, settings.snapshot_poll_seconds, services.columns_needed)
    overload, lag = Overload(most=settings.max_concurrency), EventLoopLag()
    process = Process(GraphFeed(settings.graph, services.clients(), overload=overload), catalogues, Readiness(), services.user_events)
    server = DrainingServer(settings.drain_seconds)
    app = build_app(names, process, services)
    limits = Limits(settings.max_body_bytes, settings.body_seconds, settings.max_concurrency)
    http = bounded(settings.max_head_bytes, settings.head_seconds)
    server.serves(Front(app, paths(names), limits, lambda: server.draining, overload, lag), http)
    watch_catalogue(lambda: process.catalogue, process.now)
    watch_overload(overload)
    watch_event_loop(lag)
    logger.info("listening on http://%s:%d, models %s", settings.host, settings.port, ", ".join(names))
    background = [services.features.open(), process.graphs.run(), catalogues.run(), lag.watch()]
    try:
        async with _running(*background, _become_ready(process, services, settings.startup_grace_seconds)):
            await server.serve(sockets=[listener])
    finally:
        await services.close()


async def _become_ready(process: Process, services: Services, grace: float | None) -> None:
    probes = services.probes(await process.graphs.first())
    await process.readiness.watch(lambda: process.catalogue is not None, probes, grace)
    # What the imports made stays for good: the collector need not look at it again.
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def _running(*coroutines: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Runs them beside; one that ends by an error says so in the log, and the process goes on serving."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    for task in tasks:
        task.add_done_callback(_say_why)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a background task ended: %r", error, exc_info=error)
