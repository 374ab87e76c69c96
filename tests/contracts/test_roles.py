"""One conformance suite per role, run over every component that graph.yaml can name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_graph import graph
from inference_graph.catalogue import Attribute
from inference_graph.clients import Clients
from inference_graph.conditions import Condition
from inference_graph.errors import DependencyError
from inference_graph.filters.attributes import Attributes
from inference_graph.filters.blocked import Blocked
from inference_graph.filters.requested import Requested
from inference_graph.filters.seen import Seen
from inference_graph.hydrators.online_features import OnlineFeaturesSettings
from inference_graph.hydrators.user_state import history_of
from inference_graph.ranking.attribute_boost import AttributeBoost
from inference_graph.ranking.served_ranker import ServedRankerSettings
from inference_graph.selection.capped import Capped, CategoryCap
from inference_graph.sources.next_item import NextItemSettings
from inference_graph.sources.popular import PopularSettings
from inference_graph.sources.similar_to_liked import SimilarToLikedSettings
from inference_graph.sources.two_tower import TwoTowerSettings
from inference_graph.testing import FakeClients, make_catalogue, make_query
from inference_graph.types import Candidates, CategoryFilter, Event, Events, UserState

COUNT = 40
ITEMS = [f"i{n:02d}" for n in range(COUNT)]
CATALOGUE = make_catalogue(
    ITEMS,
    categories={"a": range(0, COUNT, 2), "b": range(0, COUNT, 3)},
    attributes={"year": Attribute(np.where(np.arange(COUNT) % 5, np.arange(COUNT) + 1980.0, np.nan))},
    next_rows=[[(row + 1) % COUNT, (row * 7) % COUNT] for row in range(COUNT)],
)
RECENT = Condition.model_validate({"year": {"min": 2000}})

SOURCES = [
    TwoTowerSettings(kind="two_tower", limit=7),
    SimilarToLikedSettings(kind="similar_to_liked", limit=7),
    NextItemSettings(kind="next_item", limit=7),
    PopularSettings(kind="popular", limit=7),
]
FILTERS = [
    Seen(kind="seen"),
    Seen(kind="seen", mode="within", within_days=1),
    Seen(kind="seen", mode="off"),
    Blocked(kind="blocked"),
    Requested(kind="requested"),
    Attributes(kind="attributes", drop=RECENT),
]
BOOSTERS = [AttributeBoost(kind="attribute_boost", name="recent", where=RECENT, factor=1.5)]
RANKERS = [ServedRankerSettings(kind="served_ranker")]
HYDRATORS = [OnlineFeaturesSettings(kind="online_features", columns=("item_attributes:price",))]
SELECTORS = [Capped(), Capped(caps=(), diversity=0.3), Capped(caps=(CategoryCap(at_most=1, first=9),), when_impossible="shorten")]


def by_kind(component):
    return getattr(component, "kind", type(component).__name__)


@st.composite
def queries(draw):
    """Any user, from one of whom nothing is known to one whose items are not in the catalogue, with any request filter."""
    query = make_query(CATALOGUE, limit=draw(st.integers(1, COUNT + 5)))
    items = draw(st.lists(st.sampled_from([*ITEMS, "gone"]), max_size=8))
    events = [Event("u", item, "rating", query.now - 3600.0 * n, float(n % 5 + 1)) for n, item in enumerate(items)]
    blocked = np.array(draw(st.lists(st.integers(0, COUNT - 1), unique=True, max_size=3)), np.int32)
    query = query.with_user(UserState(known=bool(items), history=history_of(query, Events.of(events), {}), blocked=np.sort(blocked)))
    object.__setattr__(query, "categories", CategoryFilter(any=draw(st.sampled_from([(), ("a",), ("a", "b"), ("none such",)]))))
    return query


@st.composite
def pools(draw):
    proposals = draw(st.lists(st.lists(st.integers(0, COUNT - 1), max_size=COUNT), min_size=4, max_size=4))
    merged = Candidates.merge([np.array(p, np.int32) for p in proposals])
    scores = draw(st.lists(st.floats(2**-10, 1, width=32), min_size=len(merged), max_size=len(merged)))
    return merged.with_scores(np.array(scores, np.float32))


def clients(down=False) -> Clients:
    fakes = FakeClients(CATALOGUE)
    if down:
        fakes.redis_goes_down()
        fakes.retrieval.down = fakes.ranking.down = True
    return fakes.clients()


def test_every_kind_that_graph_yaml_knows_is_held_here():
    held = {type(component) for role in (SOURCES, FILTERS, BOOSTERS, RANKERS, HYDRATORS) for component in role}
    assert held == set(graph.BUILT_IN)


@pytest.mark.parametrize("source", SOURCES, ids=by_kind)
class TestSource:
    @settings(max_examples=25)
    @given(query=queries())
    async def test_proposes_rows_of_the_catalogue_at_most_as_many_as_asked(self, source, query):
        rows = (await source.build(clients()).fetch(query)).rows
        assert rows.dtype == np.int32
        assert len(rows) <= source.limit
        assert ((rows >= 0) & (rows < COUNT)).all()

    async def test_an_unknown_user_is_no_error(self, source):
        await source.build(clients()).fetch(make_query(CATALOGUE))

    async def test_fails_as_a_dependency_or_needs_none(self, source):
        try:
            await source.build(clients(down=True)).fetch(make_query(CATALOGUE).with_user(UserState(complete=False)))
        except DependencyError:
            return
        assert source.kind in ("next_item", "popular")


@pytest.mark.parametrize("component", FILTERS, ids=by_kind)
class TestFilter:
    @settings(max_examples=25)
    @given(query=queries(), pool=pools())
    def test_returns_one_answer_a_candidate_whatever_the_order(self, component, query, pool):
        kept = component.keep(query, pool)
        assert kept.dtype == np.bool_
        assert len(kept) == len(pool)
        backwards = np.arange(len(pool))[::-1]
        assert np.array_equal(component.keep(query, pool.take(backwards)), kept[::-1])

    def test_has_nothing_to_say_of_no_candidates(self, component):
        assert len(component.keep(make_query(CATALOGUE), Candidates.merge([]))) == 0


@pytest.mark.parametrize("booster", BOOSTERS, ids=by_kind)
@settings(max_examples=25)
@given(query=queries(), pool=pools())
def test_a_booster_gives_one_positive_factor_a_candidate(booster, query, pool):
    factors = booster.factors(query, pool)
    assert factors.shape == (len(pool),)
    assert (factors > 0).all()


@pytest.mark.parametrize("ranker", RANKERS, ids=by_kind)
@settings(max_examples=25)
@given(query=queries(), pool=pools())
async def test_a_ranker_gives_one_score_in_the_unit_interval_a_candidate(ranker, query, pool):
    if len(pool):
        scores = (await ranker.build(clients(), ("two_tower", "similar_to_liked", "next_item", "popular")).score(query, pool)).scores
        assert scores.shape == (len(pool),)
        assert ((scores > 0) & (scores <= 1)).all()


@pytest.mark.parametrize("hydrator", HYDRATORS, ids=by_kind)
@settings(max_examples=25)
@given(query=queries(), pool=pools())
async def test_a_hydrator_gives_each_column_one_row_a_candidate(hydrator, query, pool):
    columns = await hydrator.build(clients()).hydrate(query, pool)
    assert {len(column) for column in columns.values()} <= {len(pool)}
    pool.with_columns(columns)


@pytest.mark.parametrize("selector", SELECTORS, ids=("default", "diverse", "strict"))
@settings(max_examples=40)
@given(query=queries(), pool=pools())
def test_a_selector_chooses_each_candidate_at_most_once_and_fills_the_answer_unless_it_may_not(selector, query, pool):
    selection = selector.select(query, pool)
    chosen = selection.chosen.tolist()
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(range(len(pool)))
    if selector.when_impossible == "relax":
        assert len(chosen) == min(query.limit, len(pool))
