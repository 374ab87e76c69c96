"""TensorFlow's C interface, from the libraries in its wheel, without its Python package.

`import tensorflow` takes seconds and hundreds of megabytes, and a graph built with it holds the interpreter's lock, so that
calls in flight wait for a version that loads. Here the lock is free for as long as a call of this interface lasts, and a model
is read by the loader that TF Serving itself uses.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_server.refusal import Refused

Pointer = ctypes.c_void_p
Function = Callable[..., Any]


class Buffer(ctypes.Structure):
    """TF_Buffer: a serialized message."""

    _fields_ = (("data", Pointer), ("length", ctypes.c_size_t), ("deallocator", Pointer))


class Output(ctypes.Structure):
    """TF_Output: one output of an operation of a graph."""

    _fields_ = (("operation", Pointer), ("index", ctypes.c_int))


class Library:
    """The functions of c_api.h, tf_tensor.h and tf_tstring.h that are used, named as there without `TF_`."""

    def __init__(self, folder: Path) -> None:
        # Read by the library when it writes its first line; its INFO would be ten lines a model.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        declare = _Declarations(_opened(folder, "libtensorflow_framework"), _opened(folder, "libtensorflow_cc"))
        text, size, number, output = ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.POINTER(Output)
        sizes, pointers = ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(Pointer)

        self.new_status = declare("NewStatus", Pointer)
        self.get_code = declare("GetCode", number, Pointer)
        self.message = declare("Message", text, Pointer)
        self.delete_status = declare("DeleteStatus", None, Pointer)

        self.new_buffer = declare("NewBuffer", ctypes.POINTER(Buffer))
        self.new_buffer_from_string = declare("NewBufferFromString", ctypes.POINTER(Buffer), text, size)
        self.delete_buffer = declare("DeleteBuffer", None, ctypes.POINTER(Buffer))

        self.new_graph = declare("NewGraph", Pointer)
        self.graph_operation_by_name = declare("GraphOperationByName", Pointer, Pointer, text)
        self.delete_graph = declare("DeleteGraph", None, Pointer)

        self.new_session_options = declare("NewSessionOptions", Pointer)
        self.set_config = declare("SetConfig", None, Pointer, text, size, Pointer)
        self.delete_session_options = declare("DeleteSessionOptions", None, Pointer)
        loads = (Pointer, Pointer, text, ctypes.POINTER(text), number, Pointer, ctypes.POINTER(Buffer), Pointer)
        self.load_session_from_saved_model = declare("LoadSessionFromSavedModel", Pointer, *loads)
        runs = (Pointer, ctypes.POINTER(Buffer), output, pointers, number, output, pointers, number, Pointer, number, Pointer, Pointer)
        self.session_run = declare("SessionRun", None, *runs)
        self.close_session = declare("CloseSession", None, Pointer, Pointer)
        self.delete_session = declare("DeleteSession", None, Pointer, Pointer)

        self.allocate_tensor = declare("AllocateTensor", Pointer, number, sizes, number, size)
        self.tensor_from_proto = declare("TensorFromProto", None, ctypes.POINTER(Buffer), Pointer, Pointer)
        self.tensor_type = declare("TensorType", number, Pointer)
        self.num_dims = declare("NumDims", number, Pointer)
        self.dim = declare("Dim", ctypes.c_int64, Pointer, number)
        self.tensor_byte_size = declare("TensorByteSize", size, Pointer)
        self.tensor_data = declare("TensorData", Pointer, Pointer)
        self.delete_tensor = declare("DeleteTensor", None, Pointer)
        self.string_get_data_pointer = declare("StringGetDataPointer", Pointer, Pointer)
        self.string_get_size = declare("StringGetSize", size, Pointer)


@functools.cache
def tensorflow() -> Library:
    """Opened once and late: it takes a second, and what reads flags or prints help must not wait for it; raises OSError."""
    package = importlib.util.find_spec("tensorflow")
    if package is None or not package.submodule_search_locations:
        raise OSError("the package tensorflow is not installed; expected it beside this server, whose libraries it holds")
    return Library(Path(package.submodule_search_locations[0]))


def give_memory_back() -> None:
    """After a model was closed: glibc would keep a hundred megabytes of it for what this process may ask for later."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


@contextmanager
def status() -> Iterator[int]:
    """What a call reports its outcome in; raises Refused with TensorFlow's code and text where that is not OK."""
    library = tensorflow()
    made = library.new_status()
    try:
        yield made
        code = library.get_code(made)
        if code:
            raise Refused(code, library.message(made).decode(errors="replace"))
    finally:
        library.delete_status(made)


@contextmanager
def message(serialized: bytes) -> Iterator[Any]:
    library = tensorflow()
    made = library.new_buffer_from_string(serialized, len(serialized))
    try:
        yield made
    finally:
        library.delete_buffer(made)


class _Declarations:
    """Which of the two libraries holds a function differs from release to release."""

    def __init__(self, *libraries: ctypes.CDLL) -> None:
        self._libraries = libraries

    def __call__(self, name: str, result: Any, *arguments: Any) -> Function:
        for library in self._libraries:
            function = getattr(library, f"TF_{name}", None)
            if function is not None:
                function.restype, function.argtypes = result, arguments
                return function  # type: ignore[no-any-return]
        raise OSError(f"TensorFlow's libraries hold no TF_{name}; expected those of TensorFlow 2.15 or later")


def _opened(folder: Path, name: str) -> ctypes.CDLL:
    found = sorted(folder.glob(f"{name}.*"))
    if not found:
        raise OSError(f"{folder} holds no {name}; expected a TensorFlow wheel of Linux or macOS")
    return ctypes.CDLL(str(found[0]))
