"""The catalogue in use: the first snapshot as soon as there is one, then each new one, off the requests' path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from inference_graph.catalogue import Catalogue, let_go
from inference_graph.errors import InvalidSnapshot
from inference_graph.snapshots import SnapshotStore

logger = logging.getLogger(__name__)

REFUSED_SECONDS = 30.0
"""A refused snapshot is looked at again after this long: reading a large one costs, and it may have been a lost link."""

POINTER_SECONDS = 3.0


class CatalogueFeed:
    """Follows the store's pointer, or stays with `pin`. A request takes `catalogue` once and keeps it."""

    def __init__(
        self,
        store: SnapshotStore,
        pin: str | None = None,
        poll_seconds: float = 1.0,
        columns_needed: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._store = store
        self._pin = pin
        self._poll_seconds = poll_seconds
        self._columns_needed = columns_needed
        self._refused: dict[str, float] = {}
        self._said = ""
        self._reading: asyncio.Task[str] | None = None
        self._retired: Catalogue | None = None
        self.catalogue: Catalogue | None = None

    async def run(self) -> None:
        """Looks for ever, every `poll_seconds`."""
        while True:
            await self.look()
            await asyncio.sleep(self._poll_seconds)

    async def look(self) -> None:
        """Takes up the published snapshot if it is another one and good; else the one in use stays."""
        await self._let_go()
        name = self._pin
        try:
            if name is None:
                name = await self._current()
            if self._is_news(name):
                await self._take_up(name)
            self._said = ""
        except InvalidSnapshot as error:
            self._refuse(name, str(error))
        except Exception as error:
            # A store's library may raise anything; the feed must outlive it.
            self._refuse(name, f"{type(error).__name__}: {error}")
        if self.catalogue is None and self._pin is None:
            await self._start_from_disk()

    async def _current(self) -> str:
        """Where the pointer points. One reading at a time: a store that swallows requests must not eat up the threads."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._store.current))
        done, _ = await asyncio.wait({self._reading}, timeout=POINTER_SECONDS)
        if not done:
            raise InvalidSnapshot(f"the store did not say within {POINTER_SECONDS:.0f} s which snapshot is current")
        reading, self._reading = self._reading, None
        return reading.result()

    async def _start_from_disk(self) -> None:
        """What was served here before, until the store can be read."""
        name = await asyncio.to_thread(self._store.last_opened)
        try:
            if name is not None and self._is_news(name):
                await self._take_up(name)
        except Exception as error:
            self._refuse(name, f"{type(error).__name__}: {error}")

    def _is_news(self, name: str) -> bool:
        if self.catalogue is not None and self.catalogue.name == name:
            return False
        return time.monotonic() - self._refused.get(name, -REFUSED_SECONDS) >= REFUSED_SECONDS

    async def _take_up(self, name: str) -> None:
        opened = await asyncio.to_thread(self._store.open, name)
        needed = 0 if self._columns_needed is None else await self._columns_needed()
        columns = opened.arrays.features.shape[1]
        if columns < needed:
            raise InvalidSnapshot(f"{name}: {columns} feature columns, expected at least the {needed} that the ranking model takes")
        self._retired, self.catalogue = self.catalogue, opened
        self._refused.clear()
        logger.info("snapshot %s in use: %d items", name, len(opened))

    async def _let_go(self) -> None:
        """A look later no request uses the snapshot before; dropped here, a large one would hold up the event loop."""
        retired, self._retired = self._retired, None
        if retired is not None:
            await asyncio.to_thread(let_go, retired)

    def _refuse(self, name: str | None, reason: str) -> None:
        """One line for each snapshot and reason, however often it is looked at."""
        if name is None:
            if self._said != reason:
                logger.warning("no new snapshot: %s; %s", " ".join(reason.split()), self._stays())
            self._said = reason
            return
        if name not in self._refused:
            logger.error("snapshot %s is refused: %s; %s", name, " ".join(reason.split()), self._stays())
        self._refused[name] = time.monotonic()

    def _stays(self) -> str:
        return "waiting for the first" if self.catalogue is None else f"{self.catalogue.name} stays in use"
