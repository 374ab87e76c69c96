"""What a refusal costs: CPU of the transformer for one answer of 429, measured in a burst of nothing else."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

from inference_graph.bench.asking import Asking
from inference_graph.bench.contestants import ours
from inference_graph.bench.process_use import cpu_seconds
from inference_graph.bench.session import Session
from inference_graph.errors import InferenceGraphError
from inference_graph.local.ports import HOST

REFUSALS = 3_000
WARM_UP = 200
MOST_HOLDERS = 64
SEEN_SECONDS = 0.05
REFUSED = 429


def refusal_cpu_ms(session: Session) -> float:
    """Of a transformer that serves one request at a time, whose places are held by requests whose bodies never end.

    Raises InferenceGraphError where it does not refuse.
    """
    program = ours(session.running, session.graph, "refusing", MAX_CONCURRENCY="1")
    request = session.request("recommender", session.users[0])
    with session.started(program) as pids, ExitStack() as stack:
        asking = stack.enter_context(Asking(program.port))
        for _ in range(MOST_HOLDERS):
            if asking.ask(request).status == REFUSED:
                break
            holder = stack.enter_context(closing(socket.create_connection((HOST, program.port), 5.0)))
            holder.sendall(request[:-1])
            # Else the next request on a kept connection is at work before this one is seen, which is then itself refused.
            session.stopping.pause(SEEN_SECONDS)
        for _ in range(WARM_UP):
            asking.ask(request)
        used = cpu_seconds(pids[program.name])
        refused = sum(asking.ask(request).status == REFUSED for _ in range(REFUSALS))
        used = cpu_seconds(pids[program.name]) - used
    if refused < REFUSALS:
        raise InferenceGraphError(f"only {refused} of {REFUSALS} requests were refused by a transformer whose places were all taken")
    return round(1000 * used / REFUSALS, 4)
