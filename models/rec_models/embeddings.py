"""Item embeddings from an OpenAI-compatible endpoint: batched, retried within bounds, resumed from a cache, its cost said first."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference_graph.errors import DependencyBadResponse, DependencyUnavailable, InvalidConfiguration

BATCH = 128
LONGEST_TEXT = 24_000
CHARACTERS_A_TOKEN = 4
RETRIES = 5
TIMEOUT_SECONDS = 60.0


Ask = Callable[[Sequence[Sequence[str]], "Endpoint"], Iterator[tuple[int, NDArray[np.float32]]]]
"""Asks an endpoint for batches of texts: the number and the vectors of each as they come, in any order."""


@dataclass(frozen=True)
class Endpoint:
    """Where embeddings come from; `price` in dollars for a million tokens, None where it is not known."""

    url: str
    model: str
    key: str
    price: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Endpoint | None:
        """EMBEDDINGS_URL, EMBEDDINGS_MODEL, OPENAI_API_KEY, EMBEDDINGS_PRICE; None where no model is named."""
        url, model, price = (environment.get(f"EMBEDDINGS_{name}", "") for name in ("URL", "MODEL", "PRICE"))
        if not url and not model:
            return None
        if not url or not model:
            missing = "EMBEDDINGS_MODEL" if url else "EMBEDDINGS_URL"
            raise InvalidConfiguration(f"{missing}: expected a value, as the other of EMBEDDINGS_URL and EMBEDDINGS_MODEL is set")
        try:
            return cls(url, model, environment.get("OPENAI_API_KEY", "none"), float(price) if price else None)
        except ValueError as error:
            raise InvalidConfiguration(f"EMBEDDINGS_PRICE: expected dollars for a million tokens, got {price!r}") from error


def embed(
    texts: Sequence[str],
    endpoint: Endpoint,
    cache: Path,
    agree: Callable[[str], bool],
    progress: Callable[[int, int], None] = lambda done, total: None,
    ask: Ask | None = None,
) -> NDArray[np.float32]:
    """float32 [len(texts), D]; zero for an empty text. `agree` hears what will be asked and what it costs, and decides.

    What a batch brought is in `cache` at once, so that an interrupted call goes on where it was. `ask` is one_by_one by default.
    Raises InvalidConfiguration where it was not agreed to, DependencyError where the endpoint fails.
    """
    keys = [_key(endpoint.model, text) for text in texts]
    cache.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(cache)) as store:
        store.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")
        known = _known(store, keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if text.strip() and key not in known}
        if missing:
            if not agree(cost(list(missing.values()), endpoint)):
                raise InvalidConfiguration("embeddings were not agreed to: pass --yes, or unset EMBEDDINGS_URL for local ones")
            known |= _asked(missing, endpoint, ask or one_by_one, store, progress)
    width = {len(vector) for vector in known.values()}
    if len(width) > 1:
        raise DependencyBadResponse(f"{endpoint.model} gave vectors of different lengths: {sorted(width)}")
    empty = np.zeros(width.pop() if width else 1, np.float32)
    return np.stack([known.get(key, empty) for key in keys]) if keys else np.zeros((0, 1), np.float32)


def cost(texts: Sequence[str], endpoint: Endpoint) -> str:
    tokens = sum(len(text[:LONGEST_TEXT]) for text in texts) // CHARACTERS_A_TOKEN + len(texts)
    price = "price not known: EMBEDDINGS_PRICE says it" if endpoint.price is None else f"about ${tokens / 1e6 * endpoint.price:.4f}"
    return f"{len(texts)} texts, about {tokens} tokens, by {endpoint.model} at {endpoint.url} ({price})"


def one_by_one(batches: Sequence[Sequence[str]], endpoint: Endpoint) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Each batch's number and vectors float32 [n, D], asked in turn."""
    import openai  # 0.7 s that only those pay who use it

    with openai.OpenAI(base_url=endpoint.url, api_key=endpoint.key, max_retries=RETRIES, timeout=TIMEOUT_SECONDS) as client:
        for number, texts in enumerate(batches):
            try:
                reply = client.embeddings.create(model=endpoint.model, input=[text[:LONGEST_TEXT] for text in texts])
            except openai.APIConnectionError as error:
                raise DependencyUnavailable(f"embeddings at {endpoint.url}: {error}; what came is kept, run it again") from error
            except openai.OpenAIError as error:
                raise DependencyBadResponse(f"embeddings at {endpoint.url}: {error}; what came is kept, run it again") from error
            vectors = {entry.index: np.array(entry.embedding, np.float32) for entry in reply.data}
            if sorted(vectors) != list(range(len(texts))):
                raise DependencyBadResponse(f"embeddings at {endpoint.url}: {len(texts)} texts gave {len(vectors)} vectors")
            yield number, np.stack([vectors[i] for i in range(len(texts))])


def _asked(
    missing: Mapping[str, str], endpoint: Endpoint, ask: Ask, store: sqlite3.Connection, progress: Callable[[int, int], None]
) -> dict[str, NDArray[np.float32]]:
    keys = list(missing)
    batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
    found: dict[str, NDArray[np.float32]] = {}
    for number, vectors in ask([[missing[key] for key in batch] for batch in batches], endpoint):
        rows = dict(zip(batches[number], vectors, strict=True))
        with store:
            entries = [(key, vector.tobytes()) for key, vector in rows.items()]
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", entries)
        found |= rows
        progress(len(found), len(keys))
    return found


def _known(store: sqlite3.Connection, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        rows = store.execute(f"SELECT key, vector FROM vectors WHERE key IN ({','.join('?' * len(part))})", part)
        found |= {key: np.frombuffer(vector, np.float32) for key, vector in rows}
    return found


def _key(model: str, text: str) -> str:
    return hashlib.sha256(f"{model}\0{text[:LONGEST_TEXT]}".encode()).hexdigest()
