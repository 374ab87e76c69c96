"""A KServe model that does nothing but answer: what HTTP and KServe alone cost for requests and answers of this size.

A process of its own: `python -m inference_graph.bench.empty --http_port=8090 ANSWER_FILE`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson


def main() -> None:
    answer = orjson.loads(Path(sys.argv.pop()).read_bytes())
    # KServe reads sys.argv when it is imported.
    from kserve import Model, ModelServer

    class Empty(Model):  # type: ignore[misc]  # KServe ships no types
        async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
            return answer

    model = Empty("empty")
    model.ready = True
    ModelServer(enable_grpc=False, enable_latency_logging=False).start([model])


if __name__ == "__main__":
    main()
