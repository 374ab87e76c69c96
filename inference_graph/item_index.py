"""From item ids to catalogue rows: a hash table of numbers, because a dictionary of a million strings takes 100 MB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Words = tuple[NDArray[np.uint64], ...]
"""Ids as columns of numbers, the first eight bytes of each in the first: a lookup computes with ids and compares them as numbers."""

_FACTORS = np.random.default_rng(20).integers(0, 2**63, 64, np.uint64) * np.uint64(2) + np.uint64(1)


@dataclass(frozen=True, slots=True, eq=False)
class ItemIndex:
    """12 to 20 bytes an item, and eight for every eight bytes of the longest id; a lookup touches memory in two places, where binary
    search in a million ids does in twenty.

    `width` of an id in bytes, longer than any; `first` int32 [2^bits] is the row of a bucket, `following` int32 [N] the next row of the
    same bucket, both -1 where there is none.
    """

    width: int
    words: Words
    first: NDArray[np.int32]
    following: NDArray[np.int32]
    shift: np.uint64

    @classmethod
    def of(cls, item_ids: NDArray[np.bytes_]) -> Self:
        """`item_ids` bytes [N], unique."""
        width = item_ids.itemsize + 8 - item_ids.itemsize % 8
        words = tuple(np.ascontiguousarray(word) for word in _words(item_ids.astype(f"S{width}")))
        bits = len(item_ids).bit_length() + 1
        shift = np.uint64(64 - bits)
        buckets = _buckets(words, shift)
        order = np.argsort(buckets, kind="stable")
        first, following = np.full(2**bits, -1, np.int32), np.full(len(item_ids), -1, np.int32)
        same = buckets[order[1:]] == buckets[order[:-1]]
        following[order[:-1][same]] = order[1:][same]
        first[buckets[order[::-1]]] = order[::-1]
        return cls(width, words, first, following, shift)

    def rows_of(self, item_ids: Sequence[bytes] | NDArray[np.bytes_]) -> NDArray[np.int32]:
        """int32 [len(item_ids)], -1 for an unknown id, of a catalogue and of ids that are not empty."""
        # What is longer than every id here is cut to something that is still none of them.
        wanted = _words(np.asarray(item_ids, f"S{self.width}"))
        rows = self.first[_buckets(wanted, self.shift)]
        unlike = np.flatnonzero((rows >= 0) & self._unlike(rows, wanted))
        while len(unlike):
            others = rows[unlike] = self.following[rows[unlike]]
            unlike = unlike[(others >= 0) & self._unlike(others, tuple(word[unlike] for word in wanted))]
        return rows

    def _unlike(self, rows: NDArray[np.int32], wanted: Words) -> NDArray[np.bool_]:
        """Which rows have another id than the wanted one, [len(rows)]; of a row -1 it says anything."""
        unlike: NDArray[np.bool_] = self.words[0][rows] != wanted[0]
        for own, word in zip(self.words[1:], wanted[1:], strict=True):
            unlike |= own[rows] != word
        return unlike


def _words(item_ids: NDArray[np.bytes_]) -> Words:
    """`item_ids` [n] of a width that is a multiple of eight, without a copy."""
    columns = item_ids.itemsize // 8
    table = item_ids.view(np.uint64).reshape(len(item_ids), columns)
    return tuple(table[:, column] for column in range(columns))


def _buckets(words: Words, shift: np.uint64) -> NDArray[np.int64]:
    """Multiply-shift over the words of an id, whose upper bits are the good ones, [n].

    Dietzfelbinger et al. (1997), "A reliable randomized algorithm for the closest-pair problem".
    """
    hashes: NDArray[np.uint64] = words[0] * _FACTORS[0]
    for place, word in enumerate(words[1:], 1):
        hashes += word * _FACTORS[place % len(_FACTORS)]
    return (hashes >> shift).view(np.int64)
