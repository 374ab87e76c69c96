"""TensorFlow, imported once and late: it takes seconds, and what reads flags or prints help must not wait for it."""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any


@functools.cache
def tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow imports all of Keras for the registry of its own loader, which is not used here: 2 of 5 seconds. Asked for
    # the old Keras, which is not installed, it goes without.
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    tf = importlib.import_module("tensorflow")
    tf.get_logger().setLevel("ERROR")
    return tf
