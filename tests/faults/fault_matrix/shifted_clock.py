"""The transformer with its wall clock off: `python shifted_clock.py SECONDS`.

Python's view of the wall clock is moved, which is all that the transformer reads; the machine's own clock belongs to everybody.
"""

from __future__ import annotations

import sys
import time


def main() -> None:
    shift = float(sys.argv.pop(1))
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + shift
    time.time_ns = lambda: nanoseconds() + int(shift * 1e9)
    from inference_graph.serving.main import main as serve

    serve()


if __name__ == "__main__":
    main()
