"""A smaller one of tests/faults/test_event_durability.py, for every run."""

from __future__ import annotations

from pathlib import Path

from fault_matrix.durability import write_under_fire


async def test_no_acknowledged_event_is_lost_or_doubled_when_redis_and_the_transformer_are_killed(tmp_path: Path) -> None:
    outcome = await write_under_fire(tmp_path, users=20, each=50, kills=1)
    assert outcome.problems == []
    assert outcome.acknowledged == 1_000
    assert outcome.sent_again >= outcome.kills
