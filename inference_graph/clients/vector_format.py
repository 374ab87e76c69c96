"""How item vectors are kept in Redis: names, the search command and its reply, in the subset that all vendors speak."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from inference_graph.clients.redis_connection import Command
from inference_graph.errors import DependencyBadResponse

Algorithm = Literal["flat", "hnsw"]
FLAT_ITEMS = 50_000
"""Up to here the exact search is fast enough (five of a request: 3.5 ms, twice as many items 11 ms); above, HNSW with as wide a
search as its recall needs."""
EF_CONSTRUCTION = 100
"""With 200 a build of 100,000 vectors of 64 numbers takes three times as long and recall@100 at EF_RUNTIME 200 gains 0.005."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the pointer names: an index, and for HNSW how wide to search it; 0 where nobody measured that."""

    index: str
    width: int = 0

    @classmethod
    def from_pointer(cls, pointer: bytes) -> Self:
        """Raises DependencyBadResponse for what no build has written."""
        index, _, width = pointer.decode(errors="replace").partition(" ")
        if ":items:" not in index or not (width.isdigit() or width == ""):
            raise DependencyBadResponse(f"the pointer to the vector index is {pointer[:100]!r}: run `inference-graph index`")
        return cls(index, int(width or 0))

    def pointer(self) -> str:
        return f"{self.index} {self.width}" if self.width else self.index


def pointer_key(prefix: str) -> str:
    """The string that names the live index; it moves last."""
    return f"{{{prefix}}}:items"


def index_name(prefix: str, item_ids: NDArray[np.bytes_], vectors: NDArray[np.float32], algorithm: Algorithm) -> str:
    digest = hashlib.sha256(b"".join(item_id + b"\n" for item_id in item_ids.tolist()))
    digest.update(np.ascontiguousarray(vectors).data)
    return f"{pointer_key(prefix)}:{digest.hexdigest()[:16]}:{algorithm}"


def every_item_key_prefix(prefix: str) -> bytes:
    return f"{{{prefix}}}:item:".encode()


def item_key_prefix(index: str) -> bytes:
    """An item's hash is this and its id; `index` is `{prefix}:items:<content>:<algorithm>`."""
    prefix, content = index.rsplit(":items:", 1)
    return f"{prefix}:item:{content}:".encode()


def create_command(index: str, dimensions: int, items: int) -> Command:
    options: list[str | int] = ["TYPE", "FLOAT32", "DIM", dimensions, "DISTANCE_METRIC", "COSINE", "INITIAL_CAP", max(1, items)]
    if index.endswith(":hnsw"):
        options += ["M", 16, "EF_CONSTRUCTION", EF_CONSTRUCTION]
    algorithm = index.rsplit(":", 1)[1].upper()
    head: Command = ("FT.CREATE", index, "ON", "HASH", "PREFIX", 1, item_key_prefix(index), "SCHEMA", "vector", "VECTOR")
    return (*head, algorithm, len(options), *options)


def search_command(live: Live, vector: NDArray[np.float32], k: int) -> Command:
    """Ids alone come back: their similarities are cheaper from the catalogue's vectors than as text from Redis."""
    # HNSW's own default of EF_RUNTIME finds half of the nearest hundred.
    wide = f" EF_RUNTIME {max(live.width or 200, k if live.width else 2 * k)}" if live.index.endswith(":hnsw") else ""
    query = f"*=>[KNN {k} @vector $vector{wide}]"
    return ("FT.SEARCH", live.index, query, "PARAMS", 2, "vector", vector.tobytes(), "NOCONTENT", "LIMIT", 0, k, "DIALECT", 2)


def read_reply(index: str, reply: object) -> list[bytes]:
    """[count, key, key, ...] as item ids."""
    if not isinstance(reply, list) or not set(map(type, reply[1:])) <= {bytes}:
        raise DependencyBadResponse(f"a vector search replied {str(reply)[:200]}")
    start = len(item_key_prefix(index))
    return [key[start:] for key in reply[1:]]
