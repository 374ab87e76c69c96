"""Every known attack and some made-up requests on the running system: `make test-hostile REQUESTS=20000` sends more, and times them."""

from __future__ import annotations

from fault_matrix.bed import Bed
from hostile_input.siege import besiege

REQUESTS = 600


async def test_hostile_input_is_answered_in_words_and_harms_nobody(system, tmp_path, record_property):
    async with Bed.made(system.home, tmp_path) as bed:
        outcome = await besiege(bed, REQUESTS, pairs=1, calm_seconds=5.0)
    assert outcome.problems == []
    assert (outcome.attacks > 200, outcome.requests) == (True, REQUESTS)
    assert outcome.statuses["400"] > REQUESTS // 10
    assert outcome.statuses["200"] > 0
    assert outcome.good_refused <= outcome.good_answers // 20
    record_property("figure", f"good client beside hostile requests: p99 {outcome.p99_ratio:.2f} x as long")
