"""What the ranker was taught, as a file: for rankers of other kinds, which are to be compared with it on the same features."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from rec_models.ranker_signals import fixed_signals
from rec_models.ranking_training import RequestTable

MOST_REQUESTS, CHUNK = 4000, 64


def write_examples(path: Path, requests: RequestTable) -> None:
    """Of at most MOST_REQUESTS requests, evenly over time and in its order: signals float32 [pairs, G] (NaN = unknown), gains
    float32 [pairs] and sizes int32 [requests], how many pairs are each request's.
    """
    useful = np.flatnonzero(requests.gains.numpy().max(axis=1, initial=0.0) > 0)
    useful = useful[np.argsort(requests.day.numpy()[useful], kind="stable")]
    chosen = useful[np.unique(np.linspace(0, len(useful) - 1, min(MOST_REQUESTS, len(useful))).astype(int))]
    signals, gains, sizes = [], [], []
    for start in range(0, len(chosen), CHUNK):
        numbers = tf.constant(chosen[start : start + CHUNK], tf.int32)
        request = requests.requests(numbers)
        present = request.candidates.numpy() > 0
        signals.append(fixed_signals(request).numpy()[present])
        gains.append(tf.gather(requests.gains, numbers).numpy()[present])
        sizes.append(present.sum(axis=1).astype(np.int32))
    draft = path.with_name(f".{path.stem}-{os.getpid()}.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(draft, signals=np.concatenate(signals), gains=np.concatenate(gains), sizes=np.concatenate(sizes))
    os.replace(draft, path)
