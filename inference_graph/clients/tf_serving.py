"""A model in TF Serving (or in our model server) over gRPC; the vendor's errors become ours here."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import InvalidTensor, decode, kind_of, write
from inference_graph.clients.tf_serving_protocol.model_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest, PredictResponse
from inference_graph.errors import (
    DependencyBadResponse,
    DependencyError,
    DependencyOverloaded,
    DependencyTimeout,
    DependencyUnavailable,
)

Array = NDArray[Any]

SILENT_SECONDS = 2.0
"""Nothing was heard for so long: a channel that then says UNAVAILABLE is replaced. It would look its name up less and less often, up to
every two minutes (gRPC's DNS resolver, which no option reaches), and miss for as long that pods are back."""
_GRACE_SECONDS = 10.0

RETRY_SECONDS = 0.005
RETRY_TOKENS = 10.0
"""A failure takes one, an answer gives back a tenth; with half of them gone there are no retries, so that a dead server is not asked
twice. gRPC does the same (its proposal A6), but makes every call a tenth slower for it."""

_OPTIONS = (
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that comes back, or one more replica, is found within a second or two; the defaults are minutes.
    ("grpc.dns_min_time_between_resolutions_ms", 2000),
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A proxy from the environment is for the internet; models are near.
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)
_ERRORS: Mapping[grpc.StatusCode, type[DependencyError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: DependencyTimeout,
    grpc.StatusCode.UNAVAILABLE: DependencyUnavailable,
    grpc.StatusCode.CANCELLED: DependencyUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: DependencyOverloaded,
}


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model answered, read-only, strings as object arrays of bytes, and the version that says it answered."""

    outputs: dict[str, Array]
    version: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Per input its dtype (numpy's name, or `string`) and its shape, -1 for any size; a shape of unknown rank is ()."""

    inputs: dict[str, tuple[str, tuple[int, ...]]]


class ServedModel:
    """One model of one model server; every call takes at most its timeout, in seconds. Belongs to the event loop that first calls it."""

    def __init__(self, target: str, name: str, signature_timeout: float = 1.0) -> None:
        """`target` is host:port or a gRPC address such as dns:///name:port; nothing is sent before the first call."""
        self._target = target
        self._name = name
        self._signature_timeout = signature_timeout
        self._channel: grpc.aio.Channel | None = None
        self._heard = 0.0
        self._tokens = RETRY_TOKENS
        self._replaced: set[asyncio.Task[None]] = set()
        self._signature: Signature | None = None

    async def predict(self, inputs: Mapping[str, Array], timeout: float) -> Prediction:
        """Raises DependencyError; an input that does not fit the model is its DependencyBadResponse."""
        request = PredictRequest(model_spec=ModelSpec(name=self._name))
        for name, array in inputs.items():
            write(request.inputs[name], array)
        reply = await self._call(methods.PREDICT, request.SerializeToString(), timeout)
        try:
            response = PredictResponse.FromString(reply)
            outputs = {name: decode(tensor) for name, tensor in response.outputs.items()}
        except (DecodeError, InvalidTensor) as error:
            raise DependencyBadResponse(f"{self}: the answer is not a PredictResponse: {error}") from error
        if not response.model_spec.HasField("version"):
            raise DependencyBadResponse(f"{self}: the answer names no version")
        return Prediction(outputs, str(response.model_spec.version.value))

    async def signature(self) -> Signature:
        """Of `serving_default`; asked once, and again after the model refused an input."""
        if self._signature is None:
            self._signature = await self._ask_signature()
        return self._signature

    async def close(self) -> None:
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close(None)
        await asyncio.gather(*self._replaced)

    def __str__(self) -> str:
        return f"model {self._name!r} at {self._target}"

    async def _ask_signature(self) -> Signature:
        request = GetModelMetadataRequest(model_spec=ModelSpec(name=self._name), metadata_field=[methods.SIGNATURE_FIELD])
        reply = await self._call(methods.GET_MODEL_METADATA, request.SerializeToString(), self._signature_timeout)
        try:
            metadata = GetModelMetadataResponse.FromString(reply).metadata
            # The packed type is TF Serving's, whose name ours must not have; the bytes are the same.
            signatures = SignatureDefMap.FromString(metadata[methods.SIGNATURE_FIELD].value).signature_def
            inputs = signatures[methods.DEFAULT_SIGNATURE].inputs if methods.DEFAULT_SIGNATURE in signatures else {}
            described = {
                name: (kind_of(info.dtype).name, tuple(dim.size for dim in info.tensor_shape.dim)) for name, info in inputs.items()
            }
        except (DecodeError, InvalidTensor) as error:
            raise DependencyBadResponse(f"{self}: the answer is not a signature: {error}") from error
        if not described:
            raise DependencyBadResponse(f"{self}: it has no inputs under {methods.DEFAULT_SIGNATURE!r}, it has {sorted(signatures)}")
        return Signature(described)

    async def _call(self, method: str, request: bytes, timeout: float) -> bytes:
        """Once more where the connection broke, within the same timeout."""
        began = time.monotonic()
        try:
            return await self._sent(method, request, timeout)
        except DependencyUnavailable:
            if self._tokens <= RETRY_TOKENS / 2:
                raise
        await asyncio.sleep(RETRY_SECONDS)
        return await self._sent(method, request, max(0.0, began + timeout - time.monotonic()))

    async def _sent(self, method: str, request: bytes, timeout: float) -> bytes:
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            self._heard = time.monotonic()
        # Bytes in and out: gRPC logs a traceback of its own for a reply that its deserializer cannot read.
        channel = self._channel
        call = channel.unary_unary(method, None, None)
        try:
            reply = await call(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.INVALID_ARGUMENT:
                self._signature = None
            if error.code() == grpc.StatusCode.UNAVAILABLE and channel is self._channel:
                self._replace_if_silent(channel)
            kind = _ERRORS.get(error.code(), DependencyBadResponse)
            if kind is DependencyUnavailable:
                self._tokens = max(0.0, self._tokens - 1.0)
            raise kind(f"{self}: {error.code().name}: {error.details()}") from error
        self._heard = time.monotonic()
        self._tokens = min(RETRY_TOKENS, self._tokens + 0.1)
        return bytes(reply)

    def _replace_if_silent(self, channel: grpc.aio.Channel) -> None:
        if time.monotonic() - self._heard > SILENT_SECONDS:
            self._channel = None
            # Calls that are still under way end by their own timeouts.
            closing = asyncio.get_running_loop().create_task(channel.close(_GRACE_SECONDS))
            self._replaced.add(closing)
            closing.add_done_callback(self._replaced.discard)
