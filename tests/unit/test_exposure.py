"""What is shown beyond one answer, and the counters that say so."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from inference_graph.catalogue import Catalogue
from inference_graph.clients import Clients
from inference_graph.exposure import SHOWN_LATELY, WINDOW_SECONDS, ShownLately, diversity
from inference_graph.graph import build, default_graph, load_graph
from inference_graph.pipeline import Pipeline
from inference_graph.serving.graph_feed import GraphFeed
from inference_graph.testing import FakeClients, make_catalogue, make_query
from inference_graph.types import CategoryFilter, Deadline, Event, Query

ITEMS = [f"i{n:02d}" for n in range(20)]


def unit(vectors: list[list[float]]) -> np.ndarray:
    given = np.array(vectors, np.float32)
    norms = np.linalg.norm(given, axis=1, keepdims=True)
    return np.divide(given, norms, out=np.zeros_like(given), where=norms > 0).astype(np.float16)


def test_diversity_is_one_minus_the_mean_similarity_of_all_pairs() -> None:
    vectors = unit([[1, 0, 0.5], [0, 1, 0], [1, 1, 0], [-1, 0.2, 3]])
    wide = vectors.astype(np.float32)
    pairs = [wide[i] @ wide[j] for i in range(4) for j in range(i)]
    assert diversity(vectors) == pytest.approx(1 - float(np.mean(pairs)), abs=1e-3)


def test_equal_items_have_no_diversity_and_unrelated_ones_all_of_it() -> None:
    assert diversity(unit([[1, 2], [1, 2], [1, 2]])) == pytest.approx(0, abs=2e-3)
    assert diversity(unit([[1, 0], [0, 1]])) == pytest.approx(1)


def test_items_without_content_say_nothing_of_diversity() -> None:
    assert diversity(unit([[1, 0], [0, 0], [0, 1]])) == pytest.approx(1)
    assert diversity(unit([[1, 0], [0, 0]])) is None
    assert diversity(unit([[1, 0]])[:0]) is None


def test_the_share_of_the_catalogue_counts_an_item_once_and_forgets_it_after_an_hour() -> None:
    now = [100.0]
    shown = ShownLately(lambda: now[0])
    assert math.isnan(shown.share)
    catalogue = make_catalogue(ITEMS)
    shown.saw(catalogue, np.array([1, 2], np.int32))
    now[0] += WINDOW_SECONDS / 2
    shown.saw(catalogue, np.array([2, 3], np.int32))
    assert shown.share == pytest.approx(3 / 20)
    now[0] += WINDOW_SECONDS / 2
    assert shown.share == pytest.approx(2 / 20)
    now[0] += WINDOW_SECONDS
    assert shown.share == 0


def test_another_catalogue_begins_anew() -> None:
    shown = ShownLately()
    shown.saw(make_catalogue(ITEMS), np.arange(20, dtype=np.int32))
    other = make_catalogue(ITEMS[:10])
    object.__setattr__(other, "name", "other")
    shown.saw(other, np.array([0], np.int32))
    assert shown.share == pytest.approx(1 / 10)


@pytest.fixture
def catalogue() -> Catalogue:
    """Of items that have nothing in common."""
    return make_catalogue(ITEMS, vectors=np.eye(20, dtype=np.float16))


@pytest.fixture
def fakes(catalogue: Catalogue) -> FakeClients:
    return FakeClients(catalogue)


@pytest.fixture
def home(tmp_path: Path, fakes: FakeClients) -> Pipeline:
    (tmp_path / "graph.yaml").write_text(default_graph("ratings", {"mode": "ever"}, "wall"))
    return build(load_graph(tmp_path / "graph.yaml"), fakes.clients(), strict=True)["home"]


def count(name: str, **labels: str) -> float:
    """None of a series that does not exist would be a counter that hides its first count."""
    value = REGISTRY.get_sample_value(name, labels)
    assert value is not None, f"{name}{labels} does not exist"
    return value


async def ask(pipeline: Pipeline, query: Query) -> None:
    await pipeline.recommend(query, Deadline.after(1.0))
    await asyncio.sleep(0)


async def test_answers_are_counted_by_what_is_known_of_the_user(home: Pipeline, fakes: FakeClients, catalogue: Catalogue) -> None:
    fakes.events.users["u"] = [Event("u", "i00", "rating", 1.0, 5.0)]
    kinds = ("known", "unknown", "anonymous")
    before = [count("recommender_answers_total", surface="home", user=kind) for kind in kinds]
    for user_id in ("u", "stranger", "stranger", None):
        await ask(home, make_query(catalogue, user_id=user_id))
    after = [count("recommender_answers_total", surface="home", user=kind) for kind in kinds]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 2, 1]


async def test_an_answer_that_did_without_two_things_is_one_degraded_answer(
    home: Pipeline, fakes: FakeClients, catalogue: Catalogue
) -> None:
    before = count("recommender_degraded_answers_total", surface="home")
    await ask(home, make_query(catalogue))
    assert count("recommender_degraded_answers_total", surface="home") == before
    fakes.ranking.down = fakes.retrieval.down = True
    await ask(home, make_query(catalogue))
    assert count("recommender_degraded_answers_total", surface="home") == before + 1


async def test_an_answer_without_items_is_counted_as_empty(home: Pipeline, catalogue: Catalogue) -> None:
    before = count("recommender_empty_answers_total", surface="home")
    await ask(home, make_query(catalogue))
    assert count("recommender_empty_answers_total", surface="home") == before
    await ask(home, replace(make_query(catalogue), categories=CategoryFilter(any=("no such category",))))
    assert count("recommender_empty_answers_total", surface="home") == before + 1


async def test_the_diversity_of_an_answer_is_observed_once_and_its_items_as_shown(home: Pipeline, catalogue: Catalogue) -> None:
    before, total = count("recommender_diversity_count"), count("recommender_diversity_sum")
    await ask(home, make_query(catalogue))
    assert count("recommender_diversity_count") == before + 1
    assert count("recommender_diversity_sum") == pytest.approx(total + 1)
    assert SHOWN_LATELY.share >= 10 / 20


def test_what_alerts_look_at_begins_at_zero(home: Pipeline) -> None:
    for step in ("history", "two_tower", "similar_to_liked", "next_item", "popular", "ranker"):
        for reason in ("bug", "timeout", "unavailable"):
            count("recommender_step_failures_total", component=step, reason=reason)
        count("recommender_degraded_total", component=step)
    for part in ("blocked", "user_features", "fewer_candidates"):
        count("recommender_degraded_total", component=part)
    for result in ("stored", "duplicate", "rejected", "failed"):
        count("recommender_events_total", result=result)


def test_a_refused_graph_shows_until_a_good_one_is_there(tmp_path: Path, fakes: FakeClients) -> None:
    clients: Clients = fakes.clients()
    path = tmp_path / "graph.yaml"
    good = default_graph("ratings", {"mode": "ever"}, "wall")
    path.write_text(good)
    feed = GraphFeed(path, clients)
    assert count("recommender_graph_refused") == 0
    for broken in ("surfaces_of_mars: 1", None):
        path.write_text(broken) if broken else path.unlink()
        feed.look()
        assert count("recommender_graph_refused") == 1
        path.write_text(good)
        feed.look()
        assert count("recommender_graph_refused") == 0
