"""Replays a version's recorded requests before it serves, so that nobody waits for TensorFlow's first run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictionLog, PredictRequest
from model_server.metrics import Metrics
from model_server.refusal import Refused, invalid
from model_server.tf_record import read_records

REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST_RECORDS = 1000


def warm_up(version_folder: Path, predict: Callable[[PredictRequest], object], iterations: int, metrics: Metrics) -> int:
    """How many requests were replayed; raises Refused where the file is broken or one of them fails, as the version then would."""
    path = version_folder / REQUESTS
    if not path.exists():
        return 0
    started, replayed = time.perf_counter(), 0
    try:
        for record in read_records(path):
            request = _request(record, replayed, path)
            for _ in range(iterations):
                predict(request)
            replayed += 1
            if replayed > _MOST_RECORDS:
                raise invalid(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}")
    except Refused as refusal:
        metrics.warmed_up(str(version_folder), refusal.status, replayed, time.perf_counter() - started)
        raise
    metrics.warmed_up(str(version_folder), "OK", replayed, time.perf_counter() - started)
    return replayed


def _request(record: bytes, number: int, path: Path) -> PredictRequest:
    try:
        log = PredictionLog.FromString(record)
    except DecodeError as error:
        raise invalid(f"Failed to parse warmup record: {number} from {path}") from error
    if not log.HasField("predict_log"):
        raise Refused(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: record {number} of {path} is no predict_log")
    return log.predict_log.request
