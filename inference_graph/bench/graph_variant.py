"""The graph that is measured: the one in use, but with as many candidates in every request as were asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from inference_graph.errors import InvalidConfiguration

MOST = 5_000
MODEL_MOST = 500
"""What a retrieval model proposes at most: its K is part of it."""


def with_candidates(graph: Path, candidates: int, popular: int) -> str:
    """The text of a graph.yaml whose home surface proposes enough to rank that many; rules, caps and timeouts stay.

    `popular` is how many popular items are proposed: they fill up what a long history takes away.
    """
    document: dict[str, Any] = yaml.safe_load(graph.read_text())
    home = document["surfaces"]["home"]
    home["candidates"] = candidates
    wanted = {"popular": popular, "two_tower": min(candidates, MODEL_MOST), "similar_to_liked": candidates, "next_item": candidates}
    if "popular" not in (source["kind"] for source in home["sources"]):
        raise InvalidConfiguration(f"{graph}: the home surface has no source `popular`, without which no number of candidates is certain")
    for source in home["sources"]:
        if source["kind"] in wanted:
            source["limit"] = min(MOST, max(source.get("limit", 0), wanted[source["kind"]]))
    return yaml.safe_dump(document, sort_keys=False)
