"""Writes a model's next version: SavedModel, warm-up requests and card, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictionLog, PredictRequest
from rec_models.trained import versions

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
CARD = "card.json"
SIGNATURE = "serving_default"
Inputs = Mapping[str, NDArray[Any]]


def publish(base: Path, module: tf.Module, warm_up: Sequence[Inputs], card: Mapping[str, Any]) -> Path:
    """Writes `base/<next version>`; the card gains the signature. Returns the version's folder."""
    draft = base / f".writing-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        further = {"signals": module.signals} if hasattr(module, "signals") else {}
        tf.saved_model.save(module, str(draft), signatures={SIGNATURE: module.serve, **further})
        (draft / WARM_UP).parent.mkdir(exist_ok=True)
        write_warm_up(draft / WARM_UP, base.name, warm_up)
        (draft / CARD).write_text(json.dumps({**card, "signature": signature(module)}, indent=1))
        version = base / str(1 + max(versions(base), default=0))
        os.replace(draft, version)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return version


def signature(module: tf.Module) -> dict[str, dict[str, dict[str, Any]]]:
    """Names, types and shapes (None = any length) of what goes in and comes out."""
    function = module.serve.get_concrete_function()
    inputs = {spec.name: spec for spec in function.structured_input_signature[0]}
    sides = {"inputs": inputs, "outputs": function.structured_outputs}
    return {side: {name: {"dtype": s.dtype.name, "shape": s.shape.as_list()} for name, s in specs.items()} for side, specs in sides.items()}


def write_warm_up(path: Path, model: str, requests: Sequence[Inputs]) -> None:
    """TFRecords of PredictionLog, which TF Serving replays before a version becomes available."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for inputs in requests:
            request = PredictRequest(inputs={name: encode(np.asarray(value)) for name, value in inputs.items()})
            request.model_spec.name, request.model_spec.signature_name = model, SIGNATURE
            writer.write(PredictionLog(predict_log={"request": request}).SerializeToString())
