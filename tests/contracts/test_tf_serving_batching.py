"""Batching: TF Serving's parameters and refusals, and answers that are the same as without it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import SignatureDef
from model_server.batches import Call, Queue
from model_server.batching import BatchedModel, BatchThreads
from model_server.batching_parameters import Batching
from model_server.metrics import Metrics
from model_server.refusal import Refused, invalid

# Longer than any test: such a batch runs when it is full.
UNTIL_FULL = 3600.0


class FakeModel:
    """y = 2 x, row by row; a negative x is refused, with all that it came with."""

    signatures: Mapping[str, SignatureDef] = {}

    def __init__(self, answer: Callable[[Array], Array] = lambda x: x * 2) -> None:
        self.runs: list[list[float]] = []
        self.closed = False
        self._answer = answer

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]:
        self.runs.append(inputs["x"].tolist())
        if (inputs["x"] < 0).any():
            raise invalid("a negative x")
        return {name: self._answer(inputs["x"]) for name in outputs}

    def close(self) -> None:
        self.closed = True


def batched(model: FakeModel, **settings: Any) -> tuple[Callable[..., Any], Metrics]:
    batching, metrics = Batching(**settings), Metrics()
    one = BatchedModel(model, batching, BatchThreads(batching, metrics))

    def ask(*x: float, timeout: float | None = None) -> Any:
        return one.run("s", {"x": np.array(x, np.float32)}, ["y"], timeout)["y"].tolist()

    return ask, metrics


def at_once(ask: Callable[..., Any], calls: Sequence[Sequence[float]]) -> list[Any]:
    def outcome(call: Sequence[float]) -> Any:
        try:
            return ask(*call)
        except Refused as refusal:
            return str(refusal)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def test_calls_that_wait_together_are_one_run_and_each_gets_its_own_rows() -> None:
    model = FakeModel()
    ask, metrics = batched(model, largest_call=8, largest_batch=8, wait=UNTIL_FULL)
    assert at_once(ask, [[1, 2], [3], [4, 5, 6], [7, 8]]) == [[2, 4], [6], [8, 10, 12], [14, 16]]
    assert [sorted(run) for run in model.runs] == [[1, 2, 3, 4, 5, 6, 7, 8]]
    page = metrics.page()
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 1" in page
    assert ':tensorflow:serving:batching_session:queuing_latency_count{thread_pool_name="batch_threads"} 4' in page
    assert ":tensorflow:serving:batching_session:input_batch_size_sum{} 8" in page
    assert ':tensorflow:serving:batching_session:padding_size_sum{execution_batch_size="8"} 0' in page


def test_nobody_is_refused_for_what_another_sent() -> None:
    model = FakeModel()
    ask, _ = batched(model, largest_call=4, largest_batch=4, wait=UNTIL_FULL)
    assert at_once(ask, [[1], [-2], [3], [4]]) == [[2], "INVALID_ARGUMENT: a negative x", [6], [8]]
    assert sorted(map(len, model.runs)) == [1, 1, 1, 1, 4]


def test_many_calls_of_many_clients_are_answered_as_without_batching() -> None:
    ask, _ = batched(FakeModel(), largest_call=64, largest_batch=16, splits=True, wait=0.002, threads=2, most_waiting=1000)
    draw = random.Random(3)
    calls = [[draw.randint(1, 1000) for _ in range(draw.randint(1, 40))] for _ in range(300)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda call: ask(*call), calls)) == [[2 * x for x in call] for call in calls]


def test_a_batch_is_padded_to_an_allowed_size_with_a_row_that_came() -> None:
    model = FakeModel()
    ask, metrics = batched(model, largest_call=8, largest_batch=8, allowed_sizes=(4, 8))
    assert ask(7, 5, 6) == [14, 10, 12]
    assert ask(*range(1, 9)) == [2 * x for x in range(1, 9)]
    assert ask() == []
    assert model.runs == [[7, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 8], []]
    assert ':tensorflow:serving:batching_session:padding_size_sum{execution_batch_size="4"} 1' in metrics.page()


def test_a_large_call_is_split_only_if_that_is_enabled() -> None:
    model = FakeModel()
    ask, _ = batched(model, largest_call=10, largest_batch=4, splits=True)
    assert ask(*range(10)) == [2 * x for x in range(10)]
    assert sorted(map(len, model.runs)) == [2, 4, 4]
    with pytest.raises(Refused, match="INVALID_ARGUMENT: Task size 11 is larger than maximum input batch size 10"):
        ask(*range(11))


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "must have at least one input tensor"),
        ({"x": np.float32(1).reshape(())}, "must have at least one dimension"),
        ({"x": np.zeros(2), "z": np.zeros(3)}, "must have equal 0th-dimension size"),
    ],
)
def test_inputs_that_are_no_rows_are_refused(inputs: Mapping[str, Array], says: str) -> None:
    with pytest.raises(Refused, match=f"INVALID_ARGUMENT: Batching Run.. .*{says}"):
        Call(inputs, None)


def test_outputs_that_are_no_rows_are_refused() -> None:
    for answer, says in ((np.sum, "has 0 dimensions"), (lambda x: x[1:], "0th dimension does not equal the sum")):
        ask, _ = batched(FakeModel(answer))
        with pytest.raises(Refused, match=f"FAILED_PRECONDITION: Batched output tensor.*{says}"):
            ask(1, 2)


def test_a_call_whose_time_is_up_is_not_run() -> None:
    model = FakeModel()
    ask, _ = batched(model, wait=0.001)
    with pytest.raises(Refused, match=r"RESOURCE_EXHAUSTED: Run.. timeout exceeded while waiting in batching queue"):
        ask(1, timeout=0.0)
    assert model.runs == []


def test_an_error_of_the_server_itself_reaches_the_caller_and_the_threads_live_on() -> None:
    def broken(x: Array) -> Array:
        if x[0] == 0:
            raise ZeroDivisionError("a bug")
        return x

    ask, _ = batched(FakeModel(broken))
    with pytest.raises(Refused, match="INTERNAL: ZeroDivisionError: a bug"):
        ask(0)
    assert ask(1) == [1]


def test_a_model_is_closed_with_the_one_it_holds() -> None:
    model, batching = FakeModel(), Batching()
    BatchedModel(model, batching, BatchThreads(batching, Metrics())).close()
    assert model.closed


def call(*shape: int) -> Call:
    return Call({"x": np.zeros(shape, np.float32)}, None)


def sizes(queue: Queue) -> list[int]:
    found = []
    while batch := queue.due():
        found.append(batch.rows)
    return found


def test_a_batch_is_due_when_it_is_full_or_the_next_call_does_not_fit_or_its_time_has_come() -> None:
    queue = Queue(Batching(largest_call=4, largest_batch=4, wait=UNTIL_FULL))
    queue.add(call(3))
    assert sizes(queue) == []
    queue.add(call(2))
    assert sizes(queue) == [3]
    queue.add(call(2))
    assert sizes(queue) == [4]
    queue = Queue(Batching(wait=0.0))
    queue.add(call(3))
    queue.add(call(2))
    assert sizes(queue) == [5]


def test_calls_of_different_shapes_are_never_in_one_batch() -> None:
    queue = Queue(Batching(wait=0.0))
    for shape in ((1, 2), (1, 3), (2, 3), (4, 2)):
        queue.add(call(*shape))
    assert sizes(queue) == [5, 3]


def test_a_full_queue_is_unavailable() -> None:
    queue = Queue(Batching(largest_call=2, largest_batch=2, most_waiting=2, wait=UNTIL_FULL))
    for _ in range(4):
        queue.add(call(1))
    with pytest.raises(Refused, match=r"UNAVAILABLE: .* is full; currently 2 batches enqueued and max_enqueued_batches is 2"):
        queue.add(call(1))
    queue = Queue(Batching(largest_call=9, largest_batch=2, most_waiting=2, splits=True, wait=UNTIL_FULL))
    queue.add(call(1))
    with pytest.raises(Refused, match=r"UNAVAILABLE: .* task size is 4 but scheduling capacity is only 3"):
        queue.add(call(4))
    queue.add(call(3))
    assert sizes(queue) == [2, 2]


def test_threads_take_the_queues_of_all_models_in_turn() -> None:
    batching, entered, go = Batching(), threading.Event(), threading.Event()

    def wait(x: Array) -> Array:
        entered.set()
        go.wait(20)
        return x

    threads = BatchThreads(batching, Metrics())
    slow, quick = BatchedModel(FakeModel(wait), batching, threads), BatchedModel(FakeModel(), batching, threads)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow.run, "s", {"x": np.ones(1)}, ["y"], None)
        entered.wait(20)
        second = pool.submit(quick.run, "s", {"x": np.ones(1)}, ["y"], None)
        assert not second.done()
        go.set()
        assert (first.result()["y"].tolist(), second.result()["y"].tolist()) == ([1.0], [2.0])
