"""Are two answers the same? Else their times say nothing about each other."""

from __future__ import annotations

import orjson

from inference_graph.bench.http_messages import Response
from inference_graph.errors import InferenceGraphError

SCORE_TOLERANCE = 1e-3


class DifferentAnswers(InferenceGraphError):
    """The naive way gave other items than the graph: they cannot be compared."""


def same_items(user_id: str, ours: Response, theirs: Response) -> None:
    """Raises DifferentAnswers unless two full answers are of the same items in the same order with about the same scores."""
    first, second = (orjson.loads(response.body)["predictions"][0]["items"] for response in (ours, theirs))
    ids = [[item["item_id"] for item in items] for items in (first, second)]
    if ids[0] != ids[1]:
        raise DifferentAnswers(f"user {user_id}: the graph answers {ids[0]}, the naive way {ids[1]}")
    if any(abs(a["score"] - b["score"]) > SCORE_TOLERANCE for a, b in zip(first, second, strict=True)):
        raise DifferentAnswers(f"user {user_id}: the scores differ: {first} and {second}")
