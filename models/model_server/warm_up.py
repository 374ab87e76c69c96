"""Replays a version's recorded requests before it serves, so that nobody waits for TensorFlow's first run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from google.protobuf.message import DecodeError

from inference_graph.clients.tf_serving_protocol.model_pb2 import Code
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictionLog, PredictRequest
from model_server.refusal import Refused, invalid
from model_server.tf_record import read_records

REQUESTS = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST_RECORDS = 1000


def warm_up(version_folder: Path, predict: Callable[[PredictRequest], object], iterations: int) -> int:
    """How many requests were replayed; raises Refused where the file is broken or one of them fails, as the version then would."""
    path = version_folder / REQUESTS
    if not path.exists():
        return 0
    replayed = 0
    for record in read_records(path):
        try:
            log = PredictionLog.FromString(record)
        except DecodeError as error:
            raise invalid(f"Failed to parse warmup record: {replayed} from {path}") from error
        if not log.HasField("predict_log"):
            raise Refused(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: record {replayed} of {path} is no predict_log")
        for _ in range(iterations):
            predict(log.predict_log.request)
        replayed += 1
        if replayed > _MOST_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}")
    return replayed
