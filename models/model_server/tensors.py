"""numpy arrays <-> the tensors of TensorFlow's C interface, copied both ways: neither side keeps the other's memory."""

from __future__ import annotations

import ctypes
import math

import numpy as np

from inference_graph.clients.tf_serving_protocol.codec import STRING, Array, encode, kind_of, kind_of_array
from model_server.tensorflow_library import message, status, tensorflow

_BYTES_OF_A_STRING = 24


def new_tensor(array: Array) -> int:
    """Must be deleted; raises Refused."""
    library = tensorflow()
    kind = kind_of_array(array)
    if kind is STRING and array.size:
        return _from_message(array)
    whole = np.ascontiguousarray(array)
    tensor: int = library.allocate_tensor(kind.number, (ctypes.c_int64 * array.ndim)(*array.shape), array.ndim, whole.nbytes)
    if whole.size:
        ctypes.memmove(library.tensor_data(tensor), whole.ctypes.data, whole.nbytes)
    return tensor


def read_tensor(tensor: int) -> Array:
    """A new array; strings as an object array of bytes."""
    library = tensorflow()
    shape = tuple(library.dim(tensor, index) for index in range(library.num_dims(tensor)))
    kind = kind_of(library.tensor_type(tensor))
    if 0 in shape:
        return np.empty(shape, object if kind is STRING else kind.dtype)
    data = library.tensor_data(tensor)
    if kind is STRING:
        return _texts(data, math.prod(shape)).reshape(shape)
    return np.frombuffer(ctypes.string_at(data, library.tensor_byte_size(tensor)), kind.dtype).reshape(shape)


def _from_message(array: Array) -> int:
    """TensorFlow makes its strings from a TensorProto in one call; from here it would be two calls a string."""
    library = tensorflow()
    tensor: int = library.allocate_tensor(STRING.number, None, 0, _BYTES_OF_A_STRING)
    with message(encode(array).SerializeToString()) as proto, status() as outcome:
        library.tensor_from_proto(proto, tensor, outcome)
    return tensor


def _texts(data: int, count: int) -> Array:
    content = ctypes.string_at(data, count * _BYTES_OF_A_STRING)
    texts = np.empty(count, object)
    for index, start in enumerate(range(0, len(content), _BYTES_OF_A_STRING)):
        first = content[start]
        if first & 3:
            texts[index] = _far_text(data + start)
        else:
            # A string of up to 22 bytes lies here, after four times its length; asking for it would be two calls a string.
            texts[index] = content[start + 1 : start + 1 + (first >> 2)]
    return texts


def _far_text(string: int) -> bytes:
    library = tensorflow()
    return ctypes.string_at(library.string_get_data_pointer(string), library.string_get_size(string))
