"""One SavedModel, read by TensorFlow's own C++ loader into a session that is fed and fetched by tensor names, as in TF Serving.

Not through `tf.saved_model.load`: that rebuilds Python objects, so a model could work here and fail in TF Serving, which sees
only the graph; and a session gives its memory back when it is closed, and takes the request's deadline.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from inference_graph.clients.tf_serving_protocol.codec import Array, InvalidTensor
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, SignatureDef
from model_server.message_fields import only_field
from model_server.refusal import Refused, invalid
from model_server.session_pb2 import ConfigProto, MetaGraphDef, RunOptions
from model_server.tensorflow_library import Output, Pointer, give_memory_back, message, status, tensorflow
from model_server.tensors import new_tensor, read_tensor


class Model(Protocol):
    """What answers calls: a SavedModel, or one whose calls run in batches."""

    signatures: Mapping[str, SignatureDef]

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class _Call:
    """One signature with the outputs that were asked for: what is fed, in which order, and what is fetched."""

    inputs: tuple[str, ...]
    feeds: Any
    fetches: Any


class SavedModel:
    """Safe to run from many threads; never run after `close`."""

    def __init__(self, folder: Path, tags: Sequence[str], intra_op: int, inter_op: int) -> None:
        """Raises Refused with TensorFlow's reason where the folder holds no usable SavedModel."""
        self._graph = tensorflow().new_graph()
        config = ConfigProto(intra_op_parallelism_threads=intra_op, inter_op_parallelism_threads=inter_op)
        try:
            self._session, described = _load(self._graph, folder, tags, config)
        except Refused:
            tensorflow().delete_graph(self._graph)
            raise
        self.signatures: Mapping[str, SignatureDef] = dict(described.signature_def)
        self._calls: dict[tuple[str, tuple[str, ...]], _Call] = {}

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str], timeout: float | None) -> dict[str, Array]:
        """`inputs` are exactly the signature's; `timeout` in seconds. Raises Refused with what TensorFlow said."""
        library, names = tensorflow(), tuple(outputs)
        call = self._calls.get((signature, names)) or self._prepare(signature, names)
        fed, fetched = (Pointer * len(call.inputs))(), (Pointer * len(names))()
        try:
            for index, name in enumerate(call.inputs):
                fed[index] = new_tensor(inputs[name])
            with message(_options(timeout)) as options, status() as outcome:
                library.session_run(
                    *(self._session, options, call.feeds, fed, len(fed), call.fetches, fetched, len(fetched)), None, 0, None, outcome
                )
            return {name: read_tensor(tensor) for name, tensor in zip(names, fetched, strict=True)}
        except InvalidTensor as error:
            raise invalid(str(error)) from error
        finally:
            for tensor in (*fed, *fetched):
                if tensor:
                    library.delete_tensor(tensor)

    def close(self) -> None:
        library = tensorflow()
        with status() as outcome:
            library.close_session(self._session, outcome)
        with status() as outcome:
            library.delete_session(self._session, outcome)
        library.delete_graph(self._graph)
        self._calls.clear()
        give_memory_back()

    def _prepare(self, signature: str, outputs: tuple[str, ...]) -> _Call:
        described = self.signatures[signature]
        inputs = tuple(sorted(described.inputs))
        feeds = [self._output(described.inputs[name].name) for name in inputs]
        fetches = [self._output(described.outputs[name].name) for name in outputs]
        call = _Call(inputs, (Output * len(feeds))(*feeds), (Output * len(fetches))(*fetches))
        self._calls[signature, outputs] = call
        return call

    def _output(self, tensor: str) -> Output:
        name, _, index = tensor.partition(":")
        operation = tensorflow().graph_operation_by_name(self._graph, name.encode())
        if not operation:
            raise Refused(Code.NOT_FOUND, f"the signature names the tensor {tensor}, which the graph does not have")
        return Output(operation, int(index or 0))


def _load(graph: int, folder: Path, tags: Sequence[str], config: ConfigProto) -> tuple[int, MetaGraphDef]:
    library = tensorflow()
    options, described, serialized = library.new_session_options(), library.new_buffer(), config.SerializeToString()
    try:
        with status() as outcome:
            library.set_config(options, serialized, len(serialized), outcome)
        names = (ctypes.c_char_p * len(tags))(*(tag.encode() for tag in tags))
        with status() as outcome:
            session = library.load_session_from_saved_model(
                options, None, str(folder).encode(), names, len(names), graph, described, outcome
            )
        content = (ctypes.c_ubyte * described.contents.length).from_address(described.contents.data)
        return session, MetaGraphDef.FromString(only_field(MetaGraphDef.SIGNATURE_DEF_FIELD_NUMBER, memoryview(content).cast("B")))
    finally:
        library.delete_buffer(described)
        library.delete_session_options(options)


def _options(timeout: float | None) -> bytes:
    return RunOptions(timeout_in_ms=0 if timeout is None else max(1, int(timeout * 1000))).SerializeToString()
