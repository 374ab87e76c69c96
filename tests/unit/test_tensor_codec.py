"""The codec against TensorFlow's own, both ways, so that an error shared by our client and our server cannot hide."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_graph.clients.tf_serving_protocol.codec import InvalidTensor, decode, encode
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType, TensorProto, TensorShapeProto

NAMES = ["float32", "float64", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn", "int8", "int16", "int32", "int64"]
NAMES += ["uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128", "int4", "uint4"]


@pytest.fixture(scope="module")
def tf() -> Any:
    return importlib.import_module("tensorflow")


def sample(tf: Any, name: str) -> Any:
    dtype = tf.as_dtype(name).as_numpy_dtype
    if name.startswith("complex"):
        return np.array([[1 + 2j, -3.5j], [0, 7]], dtype)
    return np.array([[0, 1, 2], [3, 1, 0]]).astype(dtype)


def of_shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def same(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_reads_what_we_write(tf: Any, name: str, raw: bool) -> None:
    array = sample(tf, name)
    written = type(tf.make_tensor_proto(1))
    assert same(tf.make_ndarray(written.FromString(encode(array, raw).SerializeToString())), array)


@pytest.mark.parametrize("name", NAMES)
def test_we_read_what_tensorflow_writes(tf: Any, name: str) -> None:
    array = sample(tf, name)
    assert same(decode(TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())), array)


@pytest.mark.parametrize("name", NAMES)
def test_we_read_one_value_that_fills_the_shape_as_tensorflow_does(tf: Any, name: str) -> None:
    written = tf.make_tensor_proto(sample(tf, name).ravel()[1], shape=(2, 3))
    assert same(decode(TensorProto.FromString(written.SerializeToString())), tf.make_ndarray(written))


def test_strings_travel_both_ways_with_empty_ones_and_any_bytes(tf: Any) -> None:
    texts = np.array([[b"", b"\x00\xff"], ["é".encode(), b"plain"]], object)
    theirs = tf.make_tensor_proto(texts)
    assert same(decode(TensorProto.FromString(theirs.SerializeToString())), texts)
    assert same(tf.make_ndarray(type(theirs).FromString(encode(texts).SerializeToString())), texts)


def test_an_empty_tensor_keeps_its_shape(tf: Any) -> None:
    for array in (np.zeros((0, 3), np.float32), np.zeros((2, 0), object), np.zeros((0,), np.int64)):
        theirs = type(tf.make_tensor_proto(1)).FromString(encode(array).SerializeToString())
        assert same(tf.make_ndarray(theirs), array)
        assert same(decode(encode(array, raw=False)), array)


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=20))
def test_floats_survive_the_way_there_and_back(values: list[float]) -> None:
    array = np.array(values, np.float32)
    assert same(decode(encode(array, raw=True)), array)
    assert same(decode(encode(array, raw=False)), array)


@given(st.lists(st.binary(max_size=8), max_size=20))
def test_bytes_survive_the_way_there_and_back(texts: list[bytes]) -> None:
    array = np.empty(len(texts), object)
    array[:] = texts
    assert same(decode(encode(array)), array)


def test_byte_strings_and_unicode_arrays_are_strings_too() -> None:
    assert decode(encode(np.array([[b"ab", b"c"]]))).tolist() == [[b"ab", b"c"]]
    assert decode(encode(np.array(["é", ""]))).tolist() == ["é".encode(), b""]


def test_the_last_of_several_values_repeats_and_none_means_zeros() -> None:
    tensor = TensorProto(dtype=DataType.DT_INT32, tensor_shape=of_shape(5), int_val=[1, 2, 3])
    assert decode(tensor).tolist() == [1, 2, 3, 3, 3]
    assert decode(TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=of_shape(2))).tolist() == [0.0, 0.0]
    assert decode(TensorProto(dtype=DataType.DT_STRING, tensor_shape=of_shape(2))).tolist() == [b"", b""]


def test_any_order_in_memory_is_written_row_by_row_in_little_endian() -> None:
    array = np.arange(6, dtype=">i4").reshape(2, 3).T
    for raw in (True, False):
        assert decode(encode(array, raw)).tolist() == array.tolist()


def test_raw_content_is_read_without_a_copy() -> None:
    assert decode(encode(np.arange(4, dtype=np.float32))).base is not None


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=of_shape(2), tensor_content=b"abc"), "3 bytes .* expected 8"),
        (TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=of_shape(1), float_val=[1, 2]), "2 values"),
        (TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=of_shape(-1)), "without a full shape"),
        (TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=TensorShapeProto(unknown_rank=True)), "without a full shape"),
        (TensorProto(dtype=DataType.DT_FLOAT, tensor_shape=of_shape(2**40), float_val=[1]), "expected at most"),
        (TensorProto(dtype=DataType.DT_STRING, tensor_shape=of_shape(2**40), string_val=[b"x"]), "expected"),
        (TensorProto(dtype=DataType.DT_COMPLEX64, tensor_shape=of_shape(1), scomplex_val=[1]), "pairs"),
        (TensorProto(dtype=DataType.DT_RESOURCE), "DT_RESOURCE"),
        (TensorProto(dtype=DataType.DT_QINT8), "DT_QINT8"),
    ],
)
def test_a_message_that_describes_no_array_is_refused_and_says_why(tensor: TensorProto, says: str) -> None:
    with pytest.raises(InvalidTensor, match=says):
        decode(tensor)


def test_an_array_that_no_tensor_can_hold_is_refused() -> None:
    with pytest.raises(InvalidTensor, match="int"):
        encode(np.array([1], object))
    with pytest.raises(InvalidTensor, match="datetime64"):
        encode(np.array(["2026-01-01"], "datetime64[D]"))
