"""One Predict on a loaded model: the checks of TF Serving in its order and words, then the run."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from inference_graph.clients.tf_serving_protocol.codec import Array, InvalidTensor, decode
from inference_graph.clients.tf_serving_protocol.methods import DEFAULT_SIGNATURE
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, SignatureDef
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictRequest
from inference_graph.clients.tf_serving_protocol.tensor_pb2 import DataType, TensorProto
from model_server.metrics import Metrics
from model_server.refusal import Refused, invalid
from model_server.saved_model import Model


def predict(model: Model, request: PredictRequest, timeout: float | None, metrics: Metrics) -> dict[str, Array]:
    """The outputs that the request asks for, by name; raises Refused."""
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = model.signatures.get(name)
    if signature is None:
        raise Refused(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
    inputs, outputs = _inputs(signature, request.inputs), _outputs(signature, request.output_filter)
    started = time.perf_counter()
    answer = model.run(name, inputs, outputs, timeout)
    metrics.ran(request.model_spec.name, time.perf_counter() - started)
    return answer


def _inputs(signature: SignatureDef, sent: Mapping[str, TensorProto]) -> dict[str, Array]:
    extra = sent.keys() - signature.inputs.keys()
    missing = signature.inputs.keys() - sent.keys() - signature.defaults.keys()
    if len(sent) != len(signature.inputs) and (extra or missing):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(signature.inputs)} "
            f"len({_set(sent)}) != len({_set(signature.inputs)}). Sent extra: {_set(extra)}. Missing but required: {_set(missing)}."
        )
    if extra:
        raise invalid(
            f"input tensor alias not found in signature: {min(extra)}. Inputs expected to be in the set {_set(signature.inputs)}."
        )
    tensors = {**{name: signature.defaults[name] for name in signature.defaults}, **sent}
    return {name: _array(name, tensor) for name, tensor in tensors.items()}


def _array(name: str, tensor: TensorProto) -> Array:
    try:
        return decode(tensor)
    except InvalidTensor as error:
        raise invalid(f"tensor parsing error: {name}") from error


def _outputs(signature: SignatureDef, wanted: Sequence[str]) -> list[str]:
    for index, name in enumerate(wanted):
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if name in wanted[:index]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return sorted(wanted or signature.outputs)


def type_name(number: int) -> str:
    """As TensorFlow writes a type in its texts: float, int64, string."""
    name = DataType.Name(DataType.ValueType(number)) if number in DataType.values() else str(number)
    return name.removeprefix("DT_").lower()


def _set(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
