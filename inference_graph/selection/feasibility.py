"""Can the remaining places of an answer still be filled without breaking a cap? Pure arrays, bounded work."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NODE_BOUND = 2_000
"""About 60 ms of work: what a request can spare at worst."""


class SearchBound(Exception):
    """The question was not settled within NODE_BOUND nodes."""


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """At most `most` items of each column of `members` (bool [n, categories]) among the first `window` places."""

    name: str
    members: NDArray[np.bool_]
    most: int
    window: int


@dataclass(slots=True)
class Places:
    """An answer in the making: which candidates are used, and how often each capped category occurs so far."""

    caps: tuple[Cap, ...]
    count: int
    free: NDArray[np.bool_]
    used: list[NDArray[np.int64]]
    filled: int = 0
    nodes: int = field(default=0)

    @classmethod
    def empty(cls, caps: tuple[Cap, ...], candidates: int, count: int) -> Places:
        return cls(caps, count, np.ones(candidates, np.bool_), [np.zeros(cap.members.shape[1], np.int64) for cap in caps])

    def allowed(self) -> NDArray[np.bool_]:
        """The free candidates that may take the next place."""
        allowed = self.free.copy()
        for cap, used in zip(self.caps, self.used, strict=True):
            if self.filled < cap.window:
                allowed &= ~(cap.members & (used >= cap.most)).any(axis=1)
        return allowed

    def place(self, index: int) -> None:
        self.free[index] = False
        self._count(index, 1)

    def unplace(self, index: int) -> None:
        self.free[index] = True
        self._count(index, -1)

    def _count(self, index: int, change: int) -> None:
        self.filled += change
        for cap, used in zip(self.caps, self.used, strict=True):
            used += change * cap.members[index]

    def fillable(self) -> bool:
        """True where some order of free candidates fills every remaining place. Raises SearchBound."""
        if self.filled >= self.count or not self._capped():
            return bool(self.free.sum() >= self.count - self.filled)
        if self.free.sum() < self.count - self.filled or self._overcrowded():
            return False
        if self._fillable_greedily():
            return True
        return self._search(self._groups())

    def _capped(self) -> bool:
        return any(self.filled < cap.window for cap in self.caps)

    def _overcrowded(self) -> bool:
        """True where even the items with the fewest capped categories need more room than a cap has left."""
        for cap, used in zip(self.caps, self.used, strict=True):
            places = max(0, min(cap.window, self.count) - self.filled)
            needed = np.sort(cap.members[self.free].sum(axis=1))[:places].sum()
            if needed > np.maximum(cap.most - used, 0).sum():
                return True
        return False

    def _fillable_greedily(self) -> bool:
        placed: list[int] = []
        crowding = np.sum([cap.members.sum(axis=1) for cap in self.caps], axis=0)
        try:
            while self.filled < self.count and self._capped():
                choices = np.flatnonzero(self.allowed())
                if len(choices) == 0:
                    return False
                best = int(choices[np.argmin(crowding[choices])])
                self.place(best)
                placed.append(best)
            return True
        finally:
            for index in placed:
                self.unplace(index)

    def _groups(self) -> list[NDArray[np.intp]]:
        """Free candidates with the same capped categories are interchangeable: one branch of the search each."""
        signatures = np.concatenate([cap.members for cap in self.caps], axis=1)
        free = np.flatnonzero(self.free)
        _, inverse, counts = np.unique(signatures[free], axis=0, return_inverse=True, return_counts=True)
        groups = [free[inverse.ravel() == group] for group in range(len(counts))]
        return sorted(groups, key=lambda group: (signatures[group[0]].sum(), -len(group)))

    def _search(self, groups: list[NDArray[np.intp]], start: int = 0) -> bool:
        if self.filled >= self.count or not self._capped():
            return True
        allowed = self.allowed()
        for number in range(start, len(groups)):
            choices = groups[number][allowed[groups[number]]]
            if len(choices) == 0:
                continue
            self.nodes += 1
            if self.nodes > NODE_BOUND:
                raise SearchBound
            index = int(choices[0])
            active = self._active()
            self.place(index)
            # Within one set of active caps the order of places does not matter, so groups are tried in rising order only.
            done = self._search(groups, number if self._active() == active else 0)
            self.unplace(index)
            if done:
                return True
        return False

    def _active(self) -> tuple[bool, ...]:
        return tuple(self.filled < cap.window for cap in self.caps)
