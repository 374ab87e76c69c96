"""Tensors of TensorFlow's C interface and TFRecord checksums, against TensorFlow's own Python package."""

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
from model_server.refusal import Refused
from model_server.tensorflow_library import tensorflow
from model_server.tensors import new_tensor, read_tensor
from model_server.tf_record import crc32c, read_records

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
