"""The served graph against the best that anybody could know of the planted world (leave-last-out, full ranking, seen masked)."""

from __future__ import annotations

import math

import polars
import pytest

SHARE_OF_ORACLE = 0.6
GAIN_OVER_BEST_SOURCE = 1.1
DEPTH = 10


def gain(rank: int | None) -> float:
    return 1 / math.log2(rank + 1) if rank is not None and rank <= DEPTH else 0.0


@pytest.fixture(scope="module")
def without_caps(system):
    """Caps are a business rule: they cost accuracy by design, so the model's quality is measured without them."""
    graph = system.workspace / "graph.yaml"
    good = graph.read_text()
    version = system.predict("1")["versions"]["graph"]
    graph.write_text(good.replace("caps:\n        - {at_most: 3, first: 5}", "caps: []"))
    system.wait_until(lambda: system.predict("1")["versions"]["graph"] != version, "the graph without caps")
    yield
    graph.write_text(good)
    system.wait_until(lambda: system.predict("1")["versions"]["graph"] == version, "the graph with caps")


def test_the_graph_reaches_its_share_of_the_oracle_and_beats_every_single_source(system, without_caps, record_property):
    from rec_models.synthetic import oracle_ranks

    held_out = polars.read_csv(system.held_out, schema_overrides={"user_id": polars.String, "item_id": polars.String})
    oracle = oracle_ranks(system.truth, held_out)
    totals: dict[str, float] = {"oracle": sum(gain(rank) for rank in oracle)}
    for user_id, item_id, timestamp in held_out.select("user_id", "item_id", "timestamp").iter_rows():
        explained = system.explain(user_id, timestamp=timestamp, limit=DEPTH)
        target = next((c for c in explained["candidates"] if c["item_id"] == item_id), None)
        totals["graph"] = totals.get("graph", 0.0) + gain(None if target is None or target["position"] is None else target["position"])
        seen = {c["item_id"] for c in explained["candidates"] if c["removed_by"] == "seen"}
        for source in ("two_tower", "similar_to_liked", "next_item", "popular"):
            ranking = sorted((c["sources"][source], c["item_id"]) for c in explained["candidates"] if source in c["sources"])
            unseen = [item for _, item in ranking if item not in seen]
            totals[source] = totals.get(source, 0.0) + gain(unseen.index(item_id) + 1 if item_id in unseen else None)
    ndcg = {name: total / len(held_out) for name, total in totals.items()}
    for name, value in sorted(ndcg.items(), key=lambda entry: -entry[1]):
        record_property("figure", f"served graph, {name:18} NDCG@10 {value:.4f}, {value / ndcg['oracle']:.2f} of the oracle's")
    best_source = max(ndcg[name] for name in ("two_tower", "similar_to_liked", "next_item", "popular"))
    assert ndcg["graph"] >= SHARE_OF_ORACLE * ndcg["oracle"]
    assert ndcg["graph"] >= GAIN_OVER_BEST_SOURCE * best_source
