"""Calls that wait, put together by the rules of TF Serving's shared batch scheduler."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from model_server.batching_parameters import Batching
from model_server.refusal import Refused, invalid

Arrays = Mapping[str, Array]
_Shape = tuple[tuple[str, str, tuple[int, ...]], ...]


class Call:
    """One caller's run, whole or in parts."""

    def __init__(self, inputs: Arrays, timeout: float | None) -> None:
        self.inputs = inputs
        self.rows = rows_of(inputs)
        self.shape: _Shape = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(inputs.items()))
        self.began = time.monotonic()
        self.deadline = None if timeout is None else self.began + timeout
        self._answers: dict[int, Arrays] = {}
        self._refusal: Refused | None = None
        self._waiting: set[int] = set()
        self._lock = threading.Lock()
        self._done = threading.Event()

    def parts(self, first: int, others: int) -> list[Part]:
        """Of at most `first` rows (0: none) and then at most `others`."""
        made, start, size = [], 0, first or others
        while True:
            end = min(start + size, self.rows)
            made.append(Part(self, start, end))
            if end == self.rows:
                break
            start, size = end, others
        self._waiting = {part.start for part in made}
        return made

    def answered(self, part: Part, outputs: Arrays) -> None:
        self._answers[part.start] = outputs
        self._finished(part)

    def refused(self, part: Part, refusal: Refused) -> None:
        self._refusal = refusal
        self._finished(part)

    def answer(self) -> dict[str, Array]:
        """Not before every part ended, because the caller keeps the model loaded; raises Refused."""
        self._done.wait()
        if self._refusal is not None:
            raise Refused(self._refusal.code, self._refusal.text)
        parts = [self._answers[start] for start in sorted(self._answers)]
        return dict(parts[0]) if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _finished(self, part: Part) -> None:
        with self._lock:
            self._waiting.discard(part.start)
            if not self._waiting:
                self._done.set()


@dataclass(frozen=True, eq=False)
class Part:
    call: Call
    start: int
    end: int

    @property
    def rows(self) -> int:
        return self.end - self.start

    def inputs(self) -> Arrays:
        return {name: array[self.start : self.end] for name, array in self.call.inputs.items()}


@dataclass(eq=False)
class Batch:
    shape: _Shape
    opened: float
    closed: bool = False
    rows: int = 0
    parts: list[Part] = field(default_factory=list)


class Queue:
    """The batches that wait for one model, signature and set of outputs, oldest first, one open for each shape. Not locked."""

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._batches: list[Batch] = []

    def add(self, call: Call) -> None:
        """Raises Refused where the call is too large or the queue full."""
        batching = self._batching
        if call.rows > batching.largest_call:
            raise invalid(f"Task size {call.rows} is larger than maximum input batch size {batching.largest_call}")
        batch = self._open(call)
        room = 0 if batch is None else batching.largest_batch - batch.rows
        if batching.splits:
            self._refuse_if_larger(call.rows, room)
        elif batch is None or call.rows > room:
            self._refuse_if_full()
        for part in call.parts(room if batching.splits else call.rows, batching.largest_batch):
            self._add(part)

    def due(self) -> Batch | None:
        """The oldest batch that is full or has waited long enough."""
        now = time.monotonic()
        found = next((batch for batch in self._batches if self._due_at(batch) <= now), None)
        if found is not None:
            self._batches.remove(found)
        return found

    def due_at(self) -> float:
        return min(map(self._due_at, self._batches), default=float("inf"))

    def _due_at(self, batch: Batch) -> float:
        return 0.0 if batch.closed else batch.opened + self._batching.wait

    def _open(self, call: Call) -> Batch | None:
        return next((batch for batch in self._batches if not batch.closed and batch.shape == call.shape), None)

    def _refuse_if_full(self) -> None:
        waiting, most = len(self._batches), self._batching.most_waiting
        if waiting >= most:
            raise Refused(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; "
                f"currently {waiting} batches enqueued and max_enqueued_batches is {most}",
            )

    def _refuse_if_larger(self, rows: int, room: int) -> None:
        waiting, most, largest = len(self._batches), self._batching.most_waiting, self._batching.largest_batch
        capacity = max(0, most - waiting) * largest + room
        if rows > capacity:
            raise Refused(
                Code.UNAVAILABLE,
                f"The batch scheduling queue to which this task was submitted is full; task size is {rows} but scheduling capacity "
                f"is only {capacity} (num_enqueued_batches={waiting}, max_enqueued_batches={most}, "
                f"max_execution_batch_size={largest})",
            )

    def _add(self, part: Part) -> None:
        batch = self._open(part.call)
        if batch is not None and batch.rows + part.rows > self._batching.largest_batch:
            batch.closed = True
            batch = None
        if batch is None:
            batch = Batch(part.call.shape, time.monotonic())
            self._batches.append(batch)
        batch.parts.append(part)
        batch.rows += part.rows
        batch.closed = batch.rows >= self._batching.largest_batch


def rows_of(inputs: Arrays) -> int:
    """Raises Refused where the inputs are not rows."""
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(array.ndim == 0 for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    rows = {len(array) for array in inputs.values()}
    if len(rows) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return rows.pop()


def merged(parts: Sequence[Part], padding: int) -> Arrays:
    """The rows of all parts; the padding repeats a row that came, because that one is known to be valid."""
    inputs = [part.inputs() for part in parts]
    if len(inputs) == 1 and not padding:
        return inputs[0]
    donor = next((one for one, part in zip(inputs, parts, strict=True) if part.rows), inputs[0])
    return {name: np.concatenate([*(one[name] for one in inputs), *[donor[name][:1]] * padding]) for name in donor}
