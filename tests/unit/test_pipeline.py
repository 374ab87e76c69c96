"""One request's way through the stages, with fakes behind the clients' roles."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference_graph.errors import DependencyUnavailable
from inference_graph.graph import GraphConfig, build, default_graph, load_graph
from inference_graph.overload import Overload
from inference_graph.pipeline import Answer, Pipeline
from inference_graph.testing import FakeClients, make_catalogue, make_query
from inference_graph.types import CategoryFilter, Deadline, Event, Query

ITEMS = [f"i{n:03d}" for n in range(60)]
NOW = 1_000_000.0


@pytest.fixture
def catalogue():
    return make_catalogue(
        ITEMS,
        categories={"even": range(0, 60, 2), "odd": range(1, 60, 2), "rare": [59]},
        next_rows=[[min(row + 1, 59), min(row + 2, 59)] for row in range(60)],
    )


@pytest.fixture
def fakes(catalogue):
    return FakeClients(catalogue)


@pytest.fixture
def config(tmp_path: Path) -> GraphConfig:
    (tmp_path / "graph.yaml").write_text(default_graph("ratings", {"mode": "ever"}, "wall"))
    return load_graph(tmp_path / "graph.yaml")


@pytest.fixture
def home(config, fakes) -> Pipeline:
    return build(config, fakes.clients(), strict=True)["home"]


def rating(item_id: str, value: float = 5.0, timestamp: float = NOW - 60, user_id: str = "u") -> Event:
    return Event(user_id, item_id, "rating", timestamp, value)


async def answer(pipeline: Pipeline, query: Query) -> Answer:
    return await pipeline.recommend(query, Deadline.after(1.0))


def shown(given: Answer) -> list[str]:
    return [given.query.catalogue.item_id(row) for row in given.ranked.rows[given.selection.chosen]]


async def test_a_stranger_gets_a_full_answer_that_names_nothing_as_degraded(home, catalogue):
    given = await answer(home, make_query(catalogue))
    assert len(shown(given)) == 10
    assert given.degraded == ()
    assert not given.query.user.known
    assert given.versions == {"retrieval": "1", "ranking": "1"}


async def test_the_order_is_the_rankers(home, catalogue):
    given = await answer(home, make_query(catalogue, limit=3))
    rows = given.ranked.rows[given.selection.chosen]
    assert list(rows) == sorted(given.ranked.rows, reverse=True)[:3]


async def test_seen_items_are_dropped_and_explained(home, fakes, catalogue):
    fakes.events.users["u"] = [rating("i000"), rating("i001", 1.0)]
    given = await answer(home, make_query(catalogue, limit=60))
    removed = {catalogue.item_id(r): by for r, by in zip(given.considered.rows, given.removed_by, strict=True) if by}
    assert removed["i000"] == removed["i001"] == "seen"
    assert not {"i000", "i001"} & set(shown(given))


async def test_a_liked_item_becomes_a_seed_and_a_disliked_one_does_not(home, fakes, catalogue):
    fakes.events.users["u"] = [rating("i003", 5.0), rating("i005", 1.0)]
    source = next(step.component for step in home.sources if step.name == "similar_to_liked")
    given = await answer(home, make_query(catalogue))
    assert [catalogue.item_id(row) for row in source.seed_rows(given.query)] == ["i003"]


async def test_a_dead_redis_degrades_exactly_its_four_components(home, fakes, catalogue):
    fakes.events.users["u"] = [rating("i003")]
    await answer(home, make_query(catalogue))
    fakes.redis_goes_down()
    given = await answer(home, make_query(catalogue))
    assert given.degraded == ("blocked", "history", "similar_to_liked", "user_features")
    assert len(shown(given)) == 10


async def test_a_dead_ranker_leaves_the_order_to_rank_fusion(home, fakes, catalogue):
    fakes.ranking.down = True
    given = await answer(home, make_query(catalogue))
    assert given.degraded == ("ranker",)
    assert given.versions["ranking"] is None
    assert shown(given)[0] == "i000"


async def test_a_dead_retrieval_model_is_named_and_done_without(home, fakes, catalogue):
    fakes.retrieval.down = True
    given = await answer(home, make_query(catalogue))
    assert given.degraded == ("two_tower",)
    assert len(shown(given)) == 10


async def test_blocked_items_stay_blocked_while_redis_is_down(home, fakes, catalogue):
    fakes.events.blocked = frozenset({"i059", "i000"})
    fakes.redis_goes_down()
    given = await answer(home, make_query(catalogue, limit=60))
    assert not {"i059", "i000"} & set(shown(given))


async def test_later_events_than_the_requests_time_are_ignored(home, fakes, catalogue):
    fakes.events.users["u"] = [rating("i000", timestamp=NOW + 1), rating("i001", timestamp=NOW)]
    given = await answer(home, make_query(catalogue))
    assert given.query.user.history.item_ids.tolist() == [b"i001"]


async def test_events_of_one_second_have_an_order_that_does_not_depend_on_how_they_came(home, catalogue):
    events = tuple(rating(item) for item in ITEMS[:8])
    query = make_query(catalogue)
    first = (await answer(home, replace(query, session=events))).query.user.history.item_ids.tolist()
    second = (await answer(home, replace(query, session=events[::-1]))).query.user.history.item_ids.tolist()
    assert first == second
    assert first != [item.encode() for item in ITEMS[:8]]


async def test_the_session_of_an_anonymous_user_serves_as_history(home, catalogue):
    query = replace(make_query(catalogue, user_id=None), session=(rating("i007"),))
    given = await answer(home, query)
    assert given.query.user.history.item_ids.tolist() == [b"i007"]
    assert given.degraded == ()


async def test_a_filter_that_leaves_too_few_is_filled_up_with_popular_items_that_pass(home, catalogue):
    query = replace(make_query(catalogue, limit=30), categories=CategoryFilter(any=("odd",)))
    given = await answer(home, query)
    assert len(shown(given)) == 30
    assert all(int(item[1:]) % 2 for item in shown(given))


async def test_the_page_of_an_item_starts_from_that_item_and_leaves_it_out(config, fakes, catalogue):
    similar = build(config, fakes.clients(), strict=True)["similar"]
    query = replace(make_query(catalogue, user_id=None), item_id="i010", session=(rating("i010", user_id=""),))
    given = await answer(similar, query)
    assert "i010" not in shown(given)
    next_item = similar.source_names.index("next_item")
    first = given.considered.rows[np.nanargmin(given.considered.ranks[:, next_item])]
    assert catalogue.item_id(first) == "i011"


async def test_the_ranker_gets_every_input_for_every_candidate(home, fakes, catalogue):
    fakes.events.users["u"] = [rating("i003", timestamp=NOW - 86_400)]
    given = await answer(home, make_query(catalogue))
    received = fakes.ranking.received
    count = len(given.ranked)
    assert received["candidate_ids"].shape == (1, count)
    assert received["item_features"].shape == (1, count, 6)
    assert np.array_equal(received["ranks"][0], given.ranked.ranks, equal_nan=True)
    assert received["history_ids"].tolist() == [[b"i003"]]
    assert received["history_ages"].tolist() == [[1.0]]
    assert received["history_rated"].tolist() == [[1.0]]


async def test_a_slow_step_is_cut_off_at_the_requests_deadline(home, fakes, catalogue):
    async def hang(inputs, timeout):
        await asyncio.sleep(60)

    fakes.ranking.predict = hang
    started = asyncio.get_running_loop().time()
    given = await home.recommend(make_query(catalogue), Deadline.after(0.05))
    assert given.degraded == ("ranker",)
    assert asyncio.get_running_loop().time() - started < 5


async def test_a_bug_in_a_component_is_raised_in_tests_and_forgiven_in_service(home, fakes, catalogue):
    fakes.retrieval.answer = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await answer(home, make_query(catalogue))
    given = await answer(replace(home, strict=False), make_query(catalogue))
    assert given.degraded == ("two_tower",)


async def test_a_required_step_that_fails_fails_the_request(home, fakes, catalogue):
    fakes.ranking.down = True
    with pytest.raises(DependencyUnavailable, match="ranker is required"):
        await answer(replace(home, ranker=replace(home.ranker, required=True)), make_query(catalogue))


async def test_scores_of_the_wrong_shape_count_as_a_failed_ranker(home, fakes, catalogue):
    fakes.ranking.answer = lambda _: {"scores": np.ones((1, 2), np.float32)}
    assert (await answer(home, make_query(catalogue))).degraded == ("ranker",)


async def test_only_the_best_fused_candidates_are_ranked(home, catalogue):
    given = await answer(replace(home, candidate_limit=7), make_query(catalogue, limit=5))
    assert len(given.ranked) == 7
    assert given.removed_by.tolist().count("candidate_limit") == len(given.considered) - 7


async def test_what_has_left_the_history_stays_seen(home, fakes, catalogue):
    fakes.events.older = frozenset({b"i000", b"i030", b"no longer in the catalogue"})
    shown_items = shown(await answer(home, make_query(catalogue, limit=60)))
    assert not {"i000", "i030"} & set(shown_items)


def overloaded(pipeline: Pipeline) -> Pipeline:
    """So that the least of the candidates are ranked, on a clock that stands still."""
    overload = Overload(clock=lambda: 0.0)
    overload.at_work = 8
    for _ in range(100):
        overload.answered(1.0)
    return replace(pipeline, overload=overload)


async def test_overload_ranks_the_best_fused_of_the_candidates_and_says_so(home, catalogue):
    usual = await answer(home, make_query(catalogue, limit=5))
    given = await answer(overloaded(replace(home, candidate_limit=40)), make_query(catalogue, limit=5))
    assert len(given.ranked) == 8
    assert set(given.ranked.rows) < set(usual.ranked.rows)
    assert given.removed_by.tolist().count("candidate_limit") == len(given.considered) - 8
    assert given.degraded == ("fewer_candidates",)


async def test_overload_that_cut_nothing_is_not_named(home, catalogue):
    few = CategoryFilter(any=("rare",))
    given = await answer(overloaded(home), replace(make_query(catalogue, limit=1), categories=few))
    assert given.degraded == ()


async def test_overload_leaves_as_many_candidates_as_the_answer_has_items(home, catalogue):
    given = await answer(overloaded(replace(home, candidate_limit=40)), make_query(catalogue, limit=30))
    assert len(shown(given)) == len(given.ranked) == 30
    assert given.degraded == ("fewer_candidates",)


async def test_where_nothing_was_ranked_there_were_not_fewer_candidates(home, fakes, catalogue):
    fakes.ranking.down = True
    assert (await answer(overloaded(replace(home, candidate_limit=40)), make_query(catalogue))).degraded == ("ranker",)


async def test_a_graph_without_a_ranker_has_nothing_to_do_less_of(home, catalogue):
    given = await answer(overloaded(replace(home, ranker=None, candidate_limit=40)), make_query(catalogue))
    assert given.degraded == ()
