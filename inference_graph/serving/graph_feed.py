"""The graph in use: graph.yaml is watched, a good change is taken up whole, a broken one is refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_graph import metrics
from inference_graph.catalogue import Catalogue
from inference_graph.clients import Clients
from inference_graph.errors import InvalidConfiguration
from inference_graph.graph import GraphConfig, build, load_graph
from inference_graph.overload import Overload
from inference_graph.pipeline import Pipeline

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Graph:
    """One version of graph.yaml and its pipelines by surface; a request takes one and keeps it."""

    config: GraphConfig
    pipelines: Mapping[str, Pipeline]

    @property
    def event_types(self) -> frozenset[str]:
        return frozenset({"rating", "purchase", *self.config.type_values})

    def fresh_columns(self, surface: str) -> frozenset[str]:
        """Columns that are read for a request and can be filtered by, although the snapshot has none of them."""
        steps = self.pipelines[surface].hydrators
        return frozenset(column.rsplit(":")[-1] for step in steps for column in getattr(step.component, "columns", ()))

    def now(self, catalogue: Catalogue, newest_written: float | None) -> float:
        """The time of what names none, in seconds since 1970: the wall clock's, or of the newest event that is known."""
        if self.config.clock == "wall":
            return time.time()
        return max(catalogue.newest_event, newest_written or 0.0)

    def uses(self, component: str) -> bool:
        """Whether any surface has the source of that kind, or a ranker for `ranker`."""
        return any(component in (*p.source_names, "ranker" if p.ranker is not None else "") for p in self.pipelines.values())


class GraphFeed:
    """Follows graph.yaml: the last good one is in use, None before the first. Raises InvalidConfiguration where the file is not there."""

    def __init__(
        self, path: Path, clients: Clients, poll_seconds: float = 1.0, *, overload: Overload | None = None, strict: bool = False
    ) -> None:
        self._path = path
        self._clients = clients
        self._overload = Overload() if overload is None else overload
        self._poll_seconds = poll_seconds
        self._strict = strict
        self._is_there = asyncio.Event()
        self.graph: Graph | None = None
        self.refused = ""
        """Why the file is not in use; empty where it is."""
        self._seen = self._content()
        if self._seen is None:
            raise InvalidConfiguration(f"GRAPH: expected a file that can be read, got {path}")
        self._take_up()

    async def first(self) -> Graph:
        """Waits for it, while `run` looks: a process that began with a broken file goes on with a mended one."""
        await self._is_there.wait()
        assert self.graph is not None
        return self.graph

    async def run(self) -> None:
        while True:
            if self.graph is not None:
                self._is_there.set()
            await asyncio.sleep(self._poll_seconds)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Takes up the file if its content changed since the last look."""
        content = self._content()
        if content == self._seen:
            return
        self._seen = content
        self._take_up()

    def _take_up(self) -> None:
        try:
            config = load_graph(self._path)
            self.graph = Graph(config, build(config, self._clients, self._overload, strict=self._strict))
        except InvalidConfiguration as error:
            self.refused = " ".join(str(error).split())
            stays = "waiting for a good one" if self.graph is None else f"graph {self.graph.config.version} stays in use"
            metrics.GRAPH_REFUSED.set(1)
            logger.error("graph.yaml is refused: %s; %s", self.refused, stays)
        else:
            self.refused = ""
            metrics.GRAPH_REFUSED.set(0)
            logger.info("graph %s in use", config.version)

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
