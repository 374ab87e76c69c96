"""`python -m memory_growth`: whether the memory of the transformer and both model servers stays flat under steady traffic.

Exit status 1 where it grows. Redis keeps what it is sent: its growth is printed and allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from fault_matrix.bed import running_up
from inference_graph.bench.http_messages import predict
from inference_graph.bench.open_loop import Outcome, offer
from inference_graph.bench.process_use import memory_mb
from inference_graph.bench.refusals import REFUSED
from inference_graph.bench.users import sample_users
from inference_graph.local.running import Running
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
    """Private megabytes of one process at both edges of the run, which begins after the warm-up."""

    before_mb: float
    after_mb: float
    percent: float
    samples_mb: Sequence[float]

    @classmethod
    def of(cls, samples: Sequence[float]) -> Growth:
        """Of the medians of the first and of the last samples."""
        edge = max(1, round(len(samples) * EDGE_SHARE))
        before, after = statistics.median(samples[:edge]), statistics.median(samples[-edge:])
        return cls(before, after, 100 * (after / before - 1), samples)


@dataclass(frozen=True)
class Run:
    minutes: float
    rate: float
    requests: int
    refused: int
    failed: int
    processes: Mapping[str, Growth]

    def grown(self, most_percent: float) -> list[str]:
        """Processes that hold more than they should."""
        return [name for name, growth in self.processes.items() if name != "redis" and growth.percent >= most_percent]


async def measure(minutes: float, rate: float, warm_up_seconds: float) -> Run:
    """On the `up` of INFERENCE_GRAPH_HOME, which is started where none runs there."""
    with tempfile.TemporaryDirectory(prefix="memory-growth-") as folder:
        async with running_up(home(), Path(folder)):
            running = Running.here()
            users, now = sample_users(running.workspace.data / "interactions.parquet", 10_000), running.now()
            requests = [predict("recommender", user_id, 10, now) for user_id in users]
            await _offer(running, requests, rate, warm_up_seconds)
            samples: list[Mapping[str, float]] = []
            sampling = asyncio.create_task(_sample(_processes(), samples))
            outcomes = await _offer(running, requests, rate, minutes * 60)
            sampling.cancel()
    refused = sum(outcome.status == REFUSED for outcome in outcomes)
    failed = sum(outcome.status not in (200, REFUSED) for outcome in outcomes)
    processes = {name: Growth.of([sample[name] for sample in samples]) for name in samples[0]}
    return Run(minutes, rate, len(outcomes), refused, failed, processes)


async def _offer(running: Running, requests: Sequence[bytes], rate: float, seconds: float) -> list[Outcome]:
    return await offer(running.ports.transformer, requests, rate, seconds, lambda: None)


async def _sample(pids: Mapping[str, int], samples: list[Mapping[str, float]]) -> None:
    while True:
        samples.append(memory_mb(pids)[1])
        await asyncio.sleep(SAMPLE_SECONDS)


def _processes() -> dict[str, int]:
    processes = json.loads((home() / "up.json").read_text())["processes"]
    return {name: int(process["pid"]) for name, process in processes.items()}


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("memory_growth", description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long memory is watched (default: 10)")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second (default: 20)")
    parser.add_argument("--warm-up", type=float, default=60.0, help="seconds of the same traffic before (default: 60)")
    parser.add_argument("--most", type=float, default=3.0, help="growth that is allowed, in percent (default: 3)")
    parser.add_argument("--json", type=Path, help="file for the result as JSON")
    given = parser.parse_args()
    run = asyncio.run(measure(given.minutes, given.rate, given.warm_up))
    grown = run.grown(given.most)
    console = Console(highlight=False)
    console.print(f"{run.requests} requests in {run.minutes:g} minutes, {run.refused} refused, {run.failed} failed; private memory:")
    for name, growth in run.processes.items():
        console.print(f"{name:>12}  {growth.before_mb:6.1f} MB, then {growth.after_mb:6.1f} MB: {growth.percent:+.2f} %")
    if given.json:
        given.json.write_text(json.dumps({**asdict(run), "grown": grown, "passed": not (grown or run.failed)}))
    sys.exit(1 if grown or run.failed else 0)


if __name__ == "__main__":
    main()
