"""How a version folder becomes a model that serves, as the flags say: loaded, batched, warmed up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model_server.batching import BatchedModel, BatchThreads
from model_server.batching_parameters import Batching, batching_of
from model_server.flags import Flags
from model_server.metrics import Metrics
from model_server.predicting import predict
from model_server.saved_model import Model, SavedModel
from model_server.warm_up import warm_up


def loader(flags: Flags, batching: Batching | None, metrics: Metrics) -> Callable[[str, int, Path], Model]:
    threads = None if batching is None else BatchThreads(batching, metrics)

    def load(name: str, number: int, folder: Path) -> Model:
        own = None if batching is None else batching_of(folder, batching, flags.enable_per_model_batching_parameters)
        model: Model = _saved_model(flags, folder)
        if own is not None and threads is not None:
            model = BatchedModel(model, own, threads)
        try:
            if flags.enable_model_warmup:
                iterations = max(1, flags.num_request_iterations_for_warmup)
                warm_up(folder, lambda request: predict(model, request, None, metrics), iterations, metrics)
        except BaseException:
            model.close()
            raise
        return model

    return load


def _saved_model(flags: Flags, folder: Path) -> SavedModel:
    both = flags.tensorflow_session_parallelism
    intra = flags.tensorflow_intra_op_parallelism or both
    inter = flags.tensorflow_inter_op_parallelism or both
    return SavedModel(folder, flags.saved_model_tags.split(","), intra, inter)
