"""How calls are put together into batches: TF Serving's BatchingParameters, each obeyed or refused in words."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from model_server.configuration import read_text
from model_server.flags import Flags
from model_server.refusal import Refused, invalid
from model_server.session_pb2 import BatchingParameters

OF_A_MODEL = "batching_params.pbtxt"
_POOL_WITHOUT_FILE = "model_server_batch_threads"


@dataclass(frozen=True)
class Batching:
    """Defaults are TF Serving's; sizes in rows, the time in seconds."""

    largest_call: int = 1000
    wait: float = 0.0
    most_waiting: int = 10
    threads: int = 1
    pool: str = "batch_threads"
    allowed_sizes: tuple[int, ...] = ()
    splits: bool = False
    largest_batch: int = 1000

    def padded(self, rows: int) -> int:
        """The smallest size that is allowed and large enough; no rows stay none."""
        return next((size for size in self.allowed_sizes if 0 < rows <= size), rows)


def configured_batching(flags: Flags) -> Batching | None:
    """None: no batching; raises Refused."""
    if not flags.enable_batching:
        if flags.batching_parameters_file:
            raise invalid("--batching_parameters_file is set without --enable_batching; expected both or neither")
        return None
    if not flags.batching_parameters_file:
        return replace(_batching(BatchingParameters()), pool=_POOL_WITHOUT_FILE)
    return _batching(read_text(flags.batching_parameters_file, BatchingParameters()))


def batching_of(version_folder: Path, server: Batching, own: bool) -> Batching | None:
    """Where each model has its `own`: what its file says, on the server's threads; without the file it is not batched."""
    if not own:
        return server
    path = version_folder / OF_A_MODEL
    if not path.exists():
        return None
    return replace(_batching(read_text(str(path), BatchingParameters())), threads=server.threads, pool=server.pool)


def _batching(said: BatchingParameters) -> Batching:
    largest = said.max_batch_size.value if said.HasField("max_batch_size") else Batching.largest_call
    splits = said.enable_large_batch_splitting.value
    largest_batch = said.max_execution_batch_size.value if splits and said.HasField("max_execution_batch_size") else largest
    made = Batching(
        largest_call=largest,
        wait=said.batch_timeout_micros.value / 1e6,
        most_waiting=said.max_enqueued_batches.value if said.HasField("max_enqueued_batches") else Batching.most_waiting,
        threads=said.num_batch_threads.value if said.HasField("num_batch_threads") else os.cpu_count() or 1,
        pool=said.thread_pool_name.value if said.HasField("thread_pool_name") else Batching.pool,
        allowed_sizes=tuple(said.allowed_batch_sizes),
        splits=splits,
        largest_batch=largest_batch,
    )
    if said.pad_variable_length_inputs:
        raise Refused(
            Code.UNIMPLEMENTED,
            "pad_variable_length_inputs is not implemented by this server: the shape of an answer would depend on the calls that "
            "happen to be in its batch; expected false, with calls of different shapes in batches of their own",
        )
    _check(made)
    return made


def _check(batching: Batching) -> None:
    positive = {"num_batch_threads": batching.threads, "max_enqueued_batches": batching.most_waiting}
    positive |= {"max_batch_size": batching.largest_call, "max_execution_batch_size": batching.largest_batch}
    for name, value in positive.items():
        if value < 1:
            raise invalid(f"{name} must be positive; was {value}")
    if batching.wait < 0:
        raise invalid(f"batch_timeout_micros must be non-negative; was {batching.wait * 1e6:.0f}")
    if batching.largest_call < batching.largest_batch:
        raise invalid(
            "When enable_large_batch_splitting is true, max_batch_size must be greater than or equal to max_execution_batch_size; "
            f"was {batching.largest_call}, and max_execution_batch_size {batching.largest_batch}"
        )
    sizes = batching.allowed_sizes
    if any(size <= before for before, size in zip((0, *sizes), sizes, strict=False)):
        raise invalid(f"allowed_batch_sizes entries must be monotonically increasing; were {', '.join(map(str, sizes))}")
    if sizes and sizes[-1] != batching.largest_call:
        last, expected = sizes[-1], batching.largest_call
        raise invalid(f"Last entry in allowed_batch_sizes must match max_batch_size; last entry was {last}; expected {expected}")
