"""TensorFlow, loaded without what it has to say of itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def load_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _without_native_messages():
        import tensorflow
    tensorflow.get_logger().setLevel("ERROR")  # it warns of retracing where shapes differ on purpose


@contextmanager
def _without_native_messages() -> Iterator[None]:
    """TensorFlow 2.21 tells of its build on standard error while it loads, whatever TF_CPP_MIN_LOG_LEVEL says."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
