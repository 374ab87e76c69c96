"""The graph in use: graph.yaml is watched, a good change is taken up whole, a broken one is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inference_graph import metrics
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

    def uses(self, component: str) -> bool:
        """Whether any surface has the source of that kind, or a ranker for `ranker`."""
        return any(component in (*p.source_names, "ranker" if p.ranker is not None else "") for p in self.pipelines.values())


class GraphFeed:
    """Raises InvalidConfiguration when the first graph is wrong; after that the last good one stays in use."""

    def __init__(
        self, path: Path, clients: Clients, poll_seconds: float = 1.0, *, overload: Overload | None = None, strict: bool = False
    ) -> None:
        self._path = path
        self._clients = clients
        self._overload = Overload() if overload is None else overload
        self._poll_seconds = poll_seconds
        self._strict = strict
        self.graph = self._read()
        self._seen = self._content()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Takes up the file if its content changed since the last look."""
        content = self._content()
        if content == self._seen:
            return
        self._seen = content
        try:
            self.graph = self._read()
        except InvalidConfiguration as error:
            metrics.GRAPH_REFUSED.set(1)
            logger.error("graph.yaml is refused: %s; graph %s stays in use", " ".join(str(error).split()), self.graph.config.version)
        else:
            metrics.GRAPH_REFUSED.set(0)
            logger.info("graph %s in use", self.graph.config.version)

    def _read(self) -> Graph:
        config = load_graph(self._path)
        return Graph(config, build(config, self._clients, self._overload, strict=self._strict))

    def _content(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
