"""One SavedModel, loaded as TF Serving loads it: a session over the serving graph, fed and fetched by tensor names.

Not through `tf.saved_model.load`: that rebuilds Python objects, so a model could work here and fail in TF Serving, which
sees only the graph; and a session gives its memory back when it is closed, and takes the request's deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, SignatureDef
from model_server.refusal import Refused, invalid
from model_server.tensorflow_import import tensorflow


class SavedModel:
    """Safe to run from many threads; never run after `close`."""

    def __init__(self, folder: Path, tags: Sequence[str], intra_op: int, inter_op: int) -> None:
        """Raises Refused with TensorFlow's reason where the folder holds no usable SavedModel."""
        tf = tensorflow()
        self._graph = tf.Graph()
        settings = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=intra_op, inter_op_parallelism_threads=inter_op)
        with self._graph.as_default():
            self._session = tf.compat.v1.Session(graph=self._graph, config=settings)
            try:
                meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(folder))
            except Exception as error:
                self._session.close()
                raise _refusal(error) from error
        self.signatures: Mapping[str, SignatureDef] = {
            name: SignatureDef.FromString(signature.SerializeToString()) for name, signature in meta_graph.signature_def.items()
        }
        self._calls: dict[tuple[str, tuple[str, ...]], Callable[..., list[Any]]] = {}

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]:
        """`inputs` are exactly the signature's, of its types; `timeout` in seconds. Raises Refused with what TensorFlow said."""
        names = tuple(outputs)
        values = [inputs[name] for name in sorted(inputs)]
        options = None if timeout is None else tensorflow().compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))
        try:
            call = self._calls.get((signature, names)) or self._prepare(signature, names)
            results = call(*values, options=options)
        except Exception as error:
            raise _refusal(error) from error
        return {name: _as_array(result) for name, result in zip(names, results, strict=True)}

    def close(self) -> None:
        self._session.close()
        self._calls.clear()

    def _prepare(self, signature: str, outputs: tuple[str, ...]) -> Callable[..., list[Any]]:
        described = self.signatures[signature]
        fetches = [self._graph.get_tensor_by_name(described.outputs[name].name) for name in outputs]
        feeds = [self._graph.get_tensor_by_name(described.inputs[name].name) for name in sorted(described.inputs)]
        call: Callable[..., list[Any]] = self._session.make_callable(fetches, feeds, accept_options=True)
        self._calls[signature, outputs] = call
        return call


def _as_array(result: Any) -> Array:
    return np.array(result, object) if isinstance(result, bytes) else np.asarray(result)


def _refusal(error: Exception) -> Refused:
    """TensorFlow's error with its code; what is none of TensorFlow's is a wrong shape, which its Python checks first."""
    code = getattr(error, "error_code", None)
    if code is not None:
        return Refused(code, str(getattr(error, "message", error)))
    if isinstance(error, ValueError | TypeError):
        return invalid(str(error))
    return Refused(Code.INTERNAL, f"{type(error).__name__}: {error}")
