"""Columns that are read for the request go before the snapshot's, in rules and boosts; the example graph shows them."""

from pathlib import Path

import numpy as np
import pytest

from inference_graph.catalogue import Attribute
from inference_graph.graph import build, load_graph
from inference_graph.testing import FakeClients, make_catalogue, make_query
from inference_graph.types import Deadline

EXAMPLE = Path(__file__).parents[2] / "docs" / "graphs" / "fresh-stock.yaml"
ITEMS = [f"i{n}" for n in range(6)]


@pytest.fixture
def fakes():
    catalogue = make_catalogue(ITEMS, attributes={"stock": Attribute(np.zeros(6)), "price": Attribute(np.full(6, 9.0))})
    fakes = FakeClients(catalogue)
    fakes.features.items = {item: {"stock": float(n != 5), "price": 1.0 if n == 0 else 9.0} for n, item in enumerate(ITEMS)}
    return fakes


async def answer(fakes):
    home = build(load_graph(EXAMPLE), fakes.clients(), strict=True)["home"]
    return await home.recommend(make_query(fakes.catalogue), Deadline.after(1.0))


async def test_fresh_columns_decide_rules_and_boosts_after_the_other_filters(fakes):
    given = await answer(fakes)
    removed = dict(zip(given.considered.rows.tolist(), given.removed_by, strict=True))
    assert removed[5] == "out_of_stock"
    assert {by for row, by in removed.items() if row != 5} == {""}
    assert [round(float(f), 2) for f in given.factors["cheap"]] == [1.1, 1.0, 1.0, 1.0, 1.0]


async def test_without_the_online_store_the_snapshots_columns_hold_and_the_answer_says_so(fakes):
    fakes.features.down = True
    given = await answer(fakes)
    assert "online_features" in given.degraded
    assert set(given.removed_by) == {"out_of_stock"}
