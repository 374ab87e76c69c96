"""Ten thousand acknowledged events, while Redis and the transformer are each killed five times. `make test-faults` runs it."""

from __future__ import annotations

from pathlib import Path

from fault_matrix.durability import write_under_fire


async def test_no_acknowledged_event_is_lost_or_doubled_and_each_users_order_is_kept(tmp_path: Path) -> None:
    outcome = await write_under_fire(tmp_path, users=50, each=200, kills=5)
    print(
        f"\n{outcome.acknowledged} events acknowledged in {outcome.seconds:.0f} s, {outcome.kills} kills, "
        f"{outcome.sent_again} sendings that were not acknowledged"
    )
    assert outcome.problems == []
    assert outcome.acknowledged == 10_000
    assert outcome.sent_again >= outcome.kills
