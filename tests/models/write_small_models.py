"""Trains and exports small models of an invented shop, with what they answer: write_small_models.py FOLDER."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from rec_models.publishing import example_requests, publish_models
from rec_models.testing import silent_phase, small_given, small_item_ids
from rec_models.training import train_models


def main(folder: Path) -> None:
    given = small_given()
    published = publish_models(folder, small_item_ids(), given, train_models(given, silent_phase), {})
    for name, version in published.items():
        np.savez(folder / f"{name}.npz", **recorded(version))  # type: ignore[arg-type]


def recorded(version: Path) -> dict[str, NDArray[Any] | int]:
    """`requests`, their count, and `<number>/in|out/<name>` for what went in and came out."""
    answer = tf.saved_model.load(str(version)).signatures["serving_default"]
    names = answer.structured_input_signature[1]
    requests = [{name: request[name] for name in names} for request in example_requests(small_item_ids(), 40, 18_600.0)]
    content: dict[str, NDArray[Any] | int] = {"requests": len(requests)}
    for number, inputs in enumerate(requests):
        outputs = answer(**{name: tf.constant(value) for name, value in inputs.items()})
        content |= {f"{number}/in/{name}": _storable(value) for name, value in inputs.items()}
        content |= {f"{number}/out/{name}": _storable(value.numpy()) for name, value in outputs.items()}
    return content


def _storable(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.bytes_) if values.dtype == object else values


if __name__ == "__main__":
    main(Path(sys.argv[1]))
