"""Models whose calls run in batches, on a number of threads that all models share.

An answer is what it would be alone, up to the rounding of a float: calls of different shapes are never in one batch, and where a
batch of several is refused, each of them runs again by itself, so that nobody is refused for what another sent. (In TF Serving
both fail all of the batch.)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, SignatureDef
from model_server.batches import Batch, Call, Part, Queue, merged
from model_server.batching_parameters import Batching
from model_server.metrics import Metrics
from model_server.refusal import Refused
from model_server.saved_model import Model

logger = logging.getLogger(__name__)

# What running a call again would make worse.
_OVERLOAD = (Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.CANCELLED)


@dataclass(frozen=True)
class _Run:
    """What all calls of one queue have in common."""

    model: Model
    signature: str
    outputs: tuple[str, ...]
    batching: Batching


class BatchThreads:
    """Take the batch that has been due longest from the queues of all models; they end with the process."""

    def __init__(self, batching: Batching, metrics: Metrics) -> None:
        self._metrics = metrics
        self._pool = batching.pool
        self._changed = threading.Condition()
        self._queues: dict[_Run, Queue] = {}
        for number in range(batching.threads):
            threading.Thread(target=self._work, name=f"{batching.pool}-{number}", daemon=True).start()

    def run(self, run: _Run, inputs: Mapping[str, Array], timeout: float | None) -> dict[str, Array]:
        call = Call(inputs, timeout)
        with self._changed:
            self._queues.setdefault(run, Queue(run.batching)).add(call)
            self._changed.notify()
        return call.answer()

    def forget(self, model: Model) -> None:
        """The queues of a model that nobody uses any more."""
        with self._changed:
            self._queues = {run: queue for run, queue in self._queues.items() if run.model is not model}

    def _work(self) -> None:
        while True:
            run, batch = self._next()
            try:
                self._process(run, batch)
            except Exception as error:
                logger.exception("a batch was not run")
                _refuse(batch.parts, Refused(Code.INTERNAL, f"{type(error).__name__}: {error}"))

    def _next(self) -> tuple[_Run, Batch]:
        with self._changed:
            while True:
                run = min(self._queues, key=lambda run: self._queues[run].due_at(), default=None)
                if run is not None and (batch := self._queues[run].due()):
                    # Another thread looks after what is left, and when it will be due.
                    self._changed.notify()
                    return run, batch
                until = float("inf") if run is None else self._queues[run].due_at() - time.monotonic()
                self._changed.wait(None if until == float("inf") else max(0.0, until))

    def _process(self, run: _Run, batch: Batch) -> None:
        now = time.monotonic()
        for part in batch.parts:
            self._metrics.queued(self._pool, part.rows, now - part.call.began)
        late = [part for part in batch.parts if part.call.deadline is not None and part.call.deadline <= now]
        _refuse(late, Refused(Code.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue"))
        parts = [part for part in batch.parts if part not in late]
        if not parts:
            return
        try:
            self._answer(run, parts)
        except Refused as refusal:
            if len(parts) == 1 or refusal.code in _OVERLOAD:
                _refuse(parts, refusal)
                return
            for part in parts:
                self._alone(run, part)

    def _alone(self, run: _Run, part: Part) -> None:
        try:
            self._answer(run, [part])
        except Refused as refusal:
            _refuse([part], refusal)

    def _answer(self, run: _Run, parts: Sequence[Part]) -> None:
        rows = sum(part.rows for part in parts)
        size = run.batching.padded(rows)
        deadlines = [part.call.deadline for part in parts]
        latest = None if None in deadlines else max(deadline for deadline in deadlines if deadline is not None)
        timeout = None if latest is None else max(0.001, latest - time.monotonic())
        outputs = run.model.run(run.signature, merged(parts, size - rows), run.outputs, timeout)
        self._metrics.ran_batch(size, size - rows)
        for array in outputs.values():
            _check(array, size)
        for part, (start, end) in zip(parts, pairwise(accumulate((part.rows for part in parts), initial=0)), strict=True):
            part.call.answered(part, {name: array[start:end] for name, array in outputs.items()})


class BatchedModel:
    """A model whose runs wait for others to be run with; used and closed like the one that it holds."""

    def __init__(self, model: Model, batching: Batching, threads: BatchThreads) -> None:
        self.signatures: Mapping[str, SignatureDef] = model.signatures
        self._model = model
        self._batching = batching
        self._threads = threads

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]:
        return self._threads.run(_Run(self._model, signature, tuple(outputs), self._batching), inputs, timeout)

    def close(self) -> None:
        self._threads.forget(self._model)
        self._model.close()


def _check(array: Array, rows: int) -> None:
    if array.ndim == 0:
        raise Refused(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
    if len(array) != rows:
        raise Refused(
            Code.FAILED_PRECONDITION,
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
        )


def _refuse(parts: Sequence[Part], refusal: Refused) -> None:
    for part in parts:
        part.call.refused(part, refusal)
