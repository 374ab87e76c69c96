"""`python -m memory_growth`: whether the transformer's memory stays flat under steady traffic; exit status 1 where it grows."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from fault_matrix.bed import running_up
from inference_graph.bench.http_messages import predict
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.process_use import memory_mb
from inference_graph.bench.refusals import REFUSED
from inference_graph.bench.running import Running
from inference_graph.bench.users import sample_users
from inference_graph.workspace import home

SAMPLE_SECONDS = 1.0
EDGE_SHARE = 0.1
"""Share of the samples, at the beginning and at the end, whose medians are compared."""

EXAMPLES = """examples:
  make test-memory
  make test-memory MINUTES=2 RATE=40
"""


@dataclass(frozen=True)
class Growth:
    """Private megabytes of the transformer at both edges of the run, which begins after the warm-up."""

    minutes: float
    rate: float
    requests: int
    refused: int
    failed: int
    before_mb: float
    after_mb: float
    most_percent: float
    samples_mb: Sequence[float]

    @property
    def percent(self) -> float:
        return 100 * (self.after_mb / self.before_mb - 1)

    @property
    def passed(self) -> bool:
        return self.failed == 0 and self.percent < self.most_percent


def growth_of(samples: Sequence[float]) -> tuple[float, float]:
    """Medians of the first and of the last samples."""
    edge = max(1, round(len(samples) * EDGE_SHARE))
    return statistics.median(samples[:edge]), statistics.median(samples[-edge:])


async def measure(minutes: float, rate: float, warm_up_seconds: float, most_percent: float) -> Growth:
    """On the `up` of INFERENCE_GRAPH_HOME, which is started where none runs there."""
    with tempfile.TemporaryDirectory(prefix="memory-growth-") as folder:
        async with running_up(home(), Path(folder)):
            running = Running.here()
            users, now = sample_users(running.workspace.data / "interactions.parquet", 10_000), running.now()
            requests = [predict("recommender", user_id, 10, now) for user_id in users]
            await _offer(running, requests, rate, warm_up_seconds)
            samples: list[float] = []
            sampling = asyncio.create_task(_sample(_transformer(), samples))
            outcomes = await _offer(running, requests, rate, minutes * 60)
            sampling.cancel()
    before, after = growth_of(samples)
    refused = sum(outcome.status == REFUSED for outcome in outcomes)
    failed = sum(outcome.status not in (200, REFUSED) for outcome in outcomes)
    return Growth(minutes, rate, len(outcomes), refused, failed, before, after, most_percent, samples)


async def _offer(running: Running, requests: Sequence[bytes], rate: float, seconds: float) -> list[Outcome]:
    return await offer(running.ports.transformer, requests, rate, seconds, lambda: None)


async def _sample(pid: int, samples: list[float]) -> None:
    while True:
        samples.append(memory_mb({"transformer": pid})[1]["transformer"])
        await asyncio.sleep(SAMPLE_SECONDS)


def _transformer() -> int:
    return int(json.loads((home() / "up.json").read_text())["processes"]["transformer"]["pid"])


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("memory_growth", description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long memory is watched (default: 10)")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second (default: 20)")
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds of the same traffic before (default: 60)")
    parser.add_argument("--most", type=float, default=3.0, help="growth that is allowed, in percent (default: 3)")
    parser.add_argument("--json", type=Path, help="file for the result as JSON")
    given = parser.parse_args()
    growth = asyncio.run(measure(given.minutes, given.rate, given.warm_up, given.most))
    console = Console(highlight=False)
    console.print(f"{growth.requests} requests in {growth.minutes:g} minutes, {growth.refused} refused, {growth.failed} failed")
    console.print(f"private memory of the transformer: {growth.before_mb:.1f} MB, then {growth.after_mb:.1f} MB: {growth.percent:+.2f} %")
    if given.json:
        given.json.write_text(json.dumps({**asdict(growth), "percent": growth.percent, "passed": growth.passed}))
    sys.exit(0 if growth.passed else 1)


if __name__ == "__main__":
    main()
