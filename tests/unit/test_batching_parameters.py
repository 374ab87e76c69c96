"""TF Serving's BatchingParameters: read, defaulted, checked, and refused where this server cannot obey them."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_server.batching_parameters import Batching, batching_of, configured_batching
from model_server.flags import Flags
from model_server.refusal import Refused


def parameters(folder: Path, text: str) -> Batching | None:
    file = folder / "batching.config"
    file.write_text(text)
    return configured_batching(Flags(enable_batching=True, batching_parameters_file=str(file)))


def test_parameters_are_read_from_their_file_and_default_to_tf_servings(tmp_path: Path) -> None:
    text = 'max_batch_size { value: 128 } batch_timeout_micros { value: 1500 } num_batch_threads { value: 3 } allowed_batch_sizes: 32 '
    text += 'allowed_batch_sizes: 128 thread_pool_name { value: "p" } max_enqueued_batches { value: 7 } '
    text += "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 64 }"
    assert parameters(tmp_path, text) == Batching(128, 0.0015, 7, 3, "p", (32, 128), True, 64)
    assert configured_batching(Flags()) is None
    plain = configured_batching(Flags(enable_batching=True))
    assert plain is not None
    assert (plain.largest_call, plain.wait, plain.most_waiting, plain.pool) == (1000, 0.0, 10, "model_server_batch_threads")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_batch_size: 128", "not a BatchingParameters in protobuf's text format"),
        ("num_batch_threads { value: 0 }", "num_batch_threads must be positive; was 0"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("allowed_batch_sizes: 8 allowed_batch_sizes: 4", "must be monotonically increasing; were 8, 4"),
        ("allowed_batch_sizes: 8", "must match max_batch_size; last entry was 8; expected 1000"),
        ("enable_large_batch_splitting { value: true } max_execution_batch_size { value: 2000 }", "was 1000, .* 2000"),
        ("pad_variable_length_inputs: true", "UNIMPLEMENTED: pad_variable_length_inputs is not implemented"),
    ],
)
def test_parameters_that_cannot_be_obeyed_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        parameters(tmp_path, text)


def test_a_parameters_file_without_batching_is_refused() -> None:
    with pytest.raises(Refused, match="--batching_parameters_file is set without --enable_batching"):
        configured_batching(Flags(batching_parameters_file="x"))


def test_a_model_may_have_parameters_of_its_own_on_the_servers_threads(tmp_path: Path) -> None:
    server = Batching(threads=5, pool="p", largest_call=9, largest_batch=9)
    assert batching_of(tmp_path, server, own=False) == server
    assert batching_of(tmp_path, server, own=True) is None
    (tmp_path / "batching_params.pbtxt").write_text("max_batch_size { value: 3 } num_batch_threads { value: 2 }")
    assert batching_of(tmp_path, server, own=True) == Batching(threads=5, pool="p", largest_call=3, largest_batch=3)
