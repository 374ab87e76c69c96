"""From item ids to catalogue rows: a hash table of numbers, because a dictionary of a million strings takes 100 MB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_FACTORS = np.random.default_rng(20).integers(0, 2**63, 64, np.uint64) * np.uint64(2) + np.uint64(1)
"""Odd, one for each eight bytes of an id: a zero word adds nothing, so the width that an id is padded to does not matter."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemIndex:
    """12 to 20 bytes an item; a lookup touches memory in three places where binary search in a million ids does in twenty.

    `item_ids` bytes [N], unique; `rows` int32 [N] in the order of their buckets; bucket b is `rows[starts[b] : starts[b + 1]]`.
    """

    item_ids: NDArray[np.bytes_]
    rows: NDArray[np.int32]
    starts: NDArray[np.int32]
    shift: np.uint64

    @classmethod
    def of(cls, item_ids: NDArray[np.bytes_]) -> Self:
        bits = len(item_ids).bit_length() + 1
        shift = np.uint64(64 - bits)
        buckets = _hashes(item_ids) >> shift
        starts = np.zeros(2**bits + 1, np.int32)
        np.cumsum(np.bincount(buckets.astype(np.int64), minlength=2**bits), out=starts[1:])
        return cls(item_ids, np.argsort(buckets, kind="stable").astype(np.int32), starts, shift)

    def rows_of(self, wanted: NDArray[np.bytes_]) -> NDArray[np.int32]:
        """int32 [len(wanted)], -1 for an unknown id, of a catalogue that is not empty."""
        bucket = (_hashes(wanted) >> self.shift).astype(np.int64)
        place, end = self.starts[bucket], self.starts[bucket + 1]
        # Most ids are the first of their bucket: those are looked up all at once, without choosing among them.
        rows = self.rows.take(place, mode="clip")
        found: NDArray[np.int32] = np.where((place < end) & (self.item_ids[rows] == wanted), rows, np.int32(-1))
        left = np.flatnonzero((found < 0) & (place + 1 < end))
        while len(left):
            place[left] += 1
            rows = self.rows[place[left]]
            hit = self.item_ids[rows] == wanted[left]
            found[left[hit]] = rows[hit]
            left = left[~hit & (place[left] + 1 < end[left])]
        return found


def _hashes(item_ids: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Multiply-shift over the words of an id, uint64 [n]; the upper bits are the good ones.

    Dietzfelbinger et al. (1997), "A reliable randomized algorithm for the closest-pair problem".
    """
    words = -(-item_ids.itemsize // 8)
    padded = item_ids.astype(f"S{8 * words}").view(np.uint64).reshape(len(item_ids), words)
    hashes: NDArray[np.uint64] = padded[:, 0] * _FACTORS[0]
    for word in range(1, words):
        hashes += padded[:, word] * _FACTORS[word % len(_FACTORS)]
    return hashes
