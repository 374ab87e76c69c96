"""Statistics of items and users against a brute-force reference that sees only the past."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_graph.features import DAY_SECONDS
from rec_models.statistics import ITEM_COLUMNS, USER_COLUMNS, item_statistics, user_statistics

Event = tuple[str, str, float, float, bool]

MILLISECONDS = st.integers(0, 20 * int(DAY_SECONDS) * 1000).map(lambda milliseconds: milliseconds / 1000)
HALF_DAYS = st.integers(0, 40).map(lambda half: half * DAY_SECONDS / 2)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("xyz"),
        st.one_of(MILLISECONDS, HALF_DAYS),
        st.sampled_from([0.2, 1.0, 3.0, 3.5, 4.0, 5.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


def frame(events: list[Event]) -> pl.DataFrame:
    rows = [(*event, tie) for tie, event in enumerate(events)]
    names = ["user_id", "item_id", "timestamp", "worth", "rated", "tie"]
    return pl.DataFrame(rows, schema=names, orient="row").cast({"tie": pl.UInt64}).sort("timestamp", "tie")


def judged(events: pl.DataFrame) -> list[dict[str, float | str | bool]]:
    """Every event with `liked` and the item's count before it, by definition and slowly."""
    rows = events.to_dicts()
    for i, row in enumerate(rows):
        ratings = [r["worth"] for r in rows[: i + 1] if r["user_id"] == row["user_id"] and r["rated"]]
        row["liked"] = not row["rated"] or (row["worth"] >= 3.5 and row["worth"] >= sum(ratings) / len(ratings) - 1e-12)
        row["before"] = sum(r["item_id"] == row["item_id"] for r in rows[:i])
    return rows


def expected(rows: list[dict[str, float]], columns: tuple[str, ...]) -> list[float]:
    count, newest = len(rows), rows[-1]["timestamp"]
    every = {
        "interactions": count,
        "recent_interactions": sum(0.5 ** ((newest - r["timestamp"]) / DAY_SECONDS / 30) for r in rows),
        "mean_value": sum(r["worth"] for r in rows) / count,
        "liked_share": sum(bool(r["liked"]) for r in rows) / count,
        "mean_item_interactions": sum(math.log1p(r["before"]) for r in rows) / count,
        "first_day": rows[0]["timestamp"] / DAY_SECONDS,
        "last_day": newest / DAY_SECONDS,
    }
    return [every[name] for name in columns]


KINDS = [("item_id", item_statistics, ITEM_COLUMNS), ("user_id", user_statistics, USER_COLUMNS)]


@pytest.mark.parametrize(("key", "compute", "columns"), KINDS)
@given(events=EVENTS)
@settings(max_examples=150)
def test_each_row_is_what_the_events_up_to_its_timestamp_give(key, compute, columns, events) -> None:  # type: ignore[no-untyped-def]
    events = frame(events)
    statistics = compute(events)
    rows = judged(events)
    for row in statistics.iter_rows(named=True):
        past = [r for r in rows if r[key] == row[key] and r["timestamp"] <= row["event_timestamp"].timestamp()]
        np.testing.assert_allclose([row[name] for name in columns], expected(past, columns), rtol=1e-5)


@given(events=EVENTS)
@settings(max_examples=50)
def test_every_event_is_visible_within_a_day_and_rows_are_unique(events: list[Event]) -> None:
    statistics = item_statistics(frame(events))
    assert not statistics.select("item_id", "event_timestamp").is_duplicated().any()
    newest = dict(statistics.group_by("item_id").agg(pl.col("interactions").max()).iter_rows())
    for item_id in "xyz":
        assert newest.get(item_id, 0) == sum(event[1] == item_id for event in events)


def test_a_fraction_of_a_second_before_midnight_does_not_hide_or_leak_an_event() -> None:
    events: list[Event] = [("a", "x", DAY_SECONDS - 0.5, 4.0, True), ("b", "x", DAY_SECONDS, 2.0, True)]
    statistics = item_statistics(frame(events))
    assert statistics["interactions"].to_list() == [2.0]
    assert statistics["event_timestamp"].to_list() == [datetime(1970, 1, 2, tzinfo=UTC)]


def test_a_million_interactions_take_seconds() -> None:
    rng = np.random.default_rng(0)
    count = 1_000_000
    events = pl.DataFrame(
        {
            "user_id": rng.integers(0, 50_000, count).astype(str),
            "item_id": rng.zipf(1.3, count).clip(0, 20_000).astype(str),
            "timestamp": np.sort(rng.uniform(0, 1_000 * DAY_SECONDS, count)),
            "worth": rng.uniform(1, 5, count),
            "rated": rng.random(count) < 0.5,
            "tie": rng.integers(0, 2**63, count).astype(np.uint64),
        }
    )
    assert item_statistics(events)["interactions"].max() == events["item_id"].value_counts()["count"].max()
    assert len(user_statistics(events)) > 900_000
