"""The transformer with its wall clock off: `python shifted_clock.py SECONDS`.

Python's view of the wall clock is moved, which is all that the transformer reads; the machine's own clock belongs to everybody.
gRPC keeps the machine's: it makes deadlines in Python and counts them down in C, where a real clock would be off in both places.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

from grpc.aio import _utils as grpc_clock


def main() -> None:
    shift = float(sys.argv.pop(1))
    seconds, nanoseconds = time.time, time.time_ns
    vars(grpc_clock)["time"] = SimpleNamespace(time=seconds)
    time.time = lambda: seconds() + shift
    time.time_ns = lambda: nanoseconds() + int(shift * 1e9)
    from inference_graph.serving.main import main as serve

    serve()


if __name__ == "__main__":
    main()
