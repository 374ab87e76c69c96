"""Tensors of TensorFlow's C interface and TFRecord checksums against TensorFlow's own Python package, and fields of messages."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference_graph.clients.tf_serving_protocol.codec import InvalidTensor
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictionLog, PredictLog, PredictRequest
from model_server.message_fields import only_field
from model_server.metrics import Metrics
from model_server.refusal import Refused
from model_server.session_pb2 import ConfigProto
from model_server.tensorflow_library import tensorflow
from model_server.tensors import new_tensor, read_tensor
from model_server.tf_record import crc32c, read_records
from model_server.warm_up import warm_up

NUMBERS = ["float32", "float64", "float16", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]
NUMBERS += ["complex64", "complex128"]


@contextmanager
def tensor_of(array: Any) -> Iterator[int]:
    tensor = new_tensor(array)
    yield tensor
    tensorflow().delete_tensor(tensor)


def there_and_back(array: Any) -> Any:
    with tensor_of(array) as tensor:
        return read_tensor(tensor)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_survive_the_way_there_and_back(name: str) -> None:
    array = np.array([[0, 1, 2], [3, 1, 0]]).astype(name)
    came = there_and_back(array)
    assert (came.dtype, came.tolist()) == (array.dtype, array.tolist())


def test_shapes_survive_whatever_lies_between_their_values_in_memory() -> None:
    cube = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for array in (cube[:, ::2, 1:], cube.T, np.float32(7.0).reshape(()), np.zeros((0, 3), np.float32)):
        assert there_and_back(array).tolist() == array.tolist()
        assert there_and_back(array).shape == array.shape


def test_strings_of_every_length_and_any_bytes_survive() -> None:
    texts = np.array([os.urandom(length) for length in range(60)], object).reshape(3, 20)
    assert there_and_back(texts).tolist() == texts.tolist()
    assert there_and_back(np.empty((0,), object)).shape == (0,)
    assert there_and_back(np.array(b"one", object)).shape == ()


def test_an_array_that_is_no_tensor_is_refused() -> None:
    with pytest.raises(InvalidTensor, match="datetime64"):
        new_tensor(np.array(["2026-01-01"], "datetime64[D]"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    tf: Any = importlib.import_module("tensorflow")
    path, written = tmp_path_factory.mktemp("records") / "records", [os.urandom(size) for size in (0, 1, 3, 4, 5, 1023, 1024, 5000)]
    with tf.io.TFRecordWriter(str(path)) as file:
        for record in written:
            file.write(record)
    return path, written


def test_records_are_read_as_tensorflow_wrote_them(records: tuple[Path, list[bytes]]) -> None:
    path, written = records
    assert list(read_records(path)) == written


def test_a_changed_or_missing_byte_is_found_in_every_record(records: tuple[Path, list[bytes]], tmp_path: Path) -> None:
    whole, broken = records[0].read_bytes(), tmp_path / "broken"
    for place in [*range(60), len(whole) // 2, len(whole) - 1]:
        broken.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Refused, match="DATA_LOSS"):
            list(read_records(broken))
    for length in (3, 11, 20, len(whole) - 1):
        broken.write_bytes(whole[:length])
        with pytest.raises(Refused, match="DATA_LOSS: truncated record"):
            list(read_records(broken))


def test_checksums_are_those_of_the_standard() -> None:
    assert [crc32c(b"123456789"), crc32c(bytes(32)), crc32c(b"")] == [0xE3069283, 0x8A9136AA, 0]


def test_one_field_of_a_message_is_picked_out_and_what_is_no_message_is_refused() -> None:
    options = ConfigProto(intra_op_parallelism_threads=300, inter_op_parallelism_threads=2).SerializeToString()
    assert ConfigProto.FromString(only_field(5, memoryview(options))) == ConfigProto(inter_op_parallelism_threads=2)
    kinds = b"\x0d1234" + b"\x1112345678" + b"\x2a\x02ab" + b"\x2a\x01c"
    assert only_field(5, memoryview(kinds)) == b"\x2a\x02ab\x2a\x01c"
    for broken in (b"\x80", b"\x2a\x09ab", b"\x0d12", b"\x2b"):
        with pytest.raises(ValueError, match=r"expected kind|the message"):
            only_field(5, memoryview(broken))


def warmed(folder: Path, records: list[bytes]) -> tuple[int, Metrics]:
    tf: Any = importlib.import_module("tensorflow")
    (folder / "assets.extra").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as file:
        for record in records:
            file.write(record)
    metrics = Metrics()
    return warm_up(folder, lambda request: request, 1, metrics), metrics


def test_at_most_a_thousand_requests_warm_a_version_up(tmp_path: Path) -> None:
    record = PredictionLog(predict_log=PredictLog(request=PredictRequest(output_filter=["y"]))).SerializeToString()
    assert warm_up(tmp_path, lambda request: request, 1, Metrics()) == 0
    replayed, metrics = warmed(tmp_path, [record] * 1000)
    assert replayed == 1000
    assert f':model_warmup_records_read{{model_path="{tmp_path}",status="OK"}} 1000' in metrics.page()
    for records, says in (
        ([record] * 1001, r"INVALID_ARGUMENT: Number of warmup records exceeds the maximum \(1000\)"),
        ([b"\xff"], "INVALID_ARGUMENT: Failed to parse warmup record: 0"),
        ([record, b""], "UNIMPLEMENTED: Unsupported log_type for warmup: record 1"),
    ):
        with pytest.raises(Refused, match=says):
            warmed(tmp_path, records)
