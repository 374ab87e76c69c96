"""The order of what happened within one second: by content, because file order is an artefact."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHUNK = 1_000_000
LARGEST_PLAIN = 1e15


def content_ties(interactions: pl.DataFrame) -> NDArray[np.uint64]:
    """The first 8 bytes of features.tie_break for every row, as a number; the same order as the whole digests'."""
    keys = interactions.select(pl.concat_str("user_id", "item_id", _seconds(interactions["timestamp"]), separator="|"))
    chunks = [_digests(keys.to_series().slice(start, CHUNK)) for start in range(0, len(keys), CHUNK)]
    return np.concatenate([np.empty(0, np.uint64), *chunks])


def _digests(keys: pl.Series) -> NDArray[np.uint64]:
    digests = b"".join([hashlib.sha256(key.encode()).digest()[:8] for key in keys.to_list()])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def _seconds(timestamps: pl.Series) -> pl.Series:
    """Each time as tie_break writes it; whole numbers are written so without asking Python a row at a time."""
    seconds = timestamps.to_numpy()
    if len(seconds) and (seconds == np.floor(seconds)).all() and seconds.max() < LARGEST_PLAIN:
        return timestamps.cast(pl.Int64).cast(pl.String)
    distinct, index = np.unique(seconds, return_inverse=True)
    return pl.Series([f"{second:.15g}" for second in distinct.tolist()], dtype=pl.String)[index]
