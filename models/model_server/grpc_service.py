"""The gRPC side: TF Serving's services on a bounded number of threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import InvalidTensor, encode
from inference_graph.clients.tf_serving_protocol.model_pb2 import (
    Code,
    GetModelMetadataRequest,
    GetModelStatusRequest,
    HealthCheckRequest,
    HealthCheckResponse,
    Metric,
    ReloadConfigRequest,
    ReloadConfigResponse,
    StatusProto,
)
from inference_graph.clients.tf_serving_protocol.predict_pb2 import PredictRequest, PredictResponse
from model_server.answering import Answering
from model_server.configuration import checked
from model_server.flags import Flags
from model_server.refusal import Refused, invalid

_CODES = {code.value[0]: code for code in grpc.StatusCode}
Request = TypeVar("Request", bound=Message)
Answer = Callable[[Request, "grpc.ServicerContext"], Message]


def open_grpc(answering: Answering, flags: Flags) -> grpc.Server:
    """A server that listens; raises OSError where the port is taken."""
    options: list[tuple[str, object]] = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        # Without this a second server on the same port starts without a word and takes half of the calls.
        ("grpc.so_reuseport", 0),
        *_channel_arguments(flags.grpc_channel_arguments),
    ]
    threads = flags.grpc_threads
    pool = ThreadPoolExecutor(threads, thread_name_prefix="grpc")
    # gRPC counts a call a moment longer than its client waits for it: with as many calls as threads, clients that ask one after
    # another are refused now and then. So one call a thread may wait.
    server = grpc.server(pool, options=options, maximum_concurrent_rpcs=2 * threads)
    server.add_generic_rpc_handlers(_handlers(Service(answering, flags.enable_serialization_as_tensor_content), flags))
    try:
        server.add_insecure_port(f"{flags.host}:{flags.port}")
    except RuntimeError as error:
        raise OSError(f"port {flags.port} on {flags.host} cannot be listened on; is another server there? Choose another --port") from error
    server.start()
    return server


class Service:
    """One method an RPC, bytes in and out, so that what cannot be read is refused in our words."""

    def __init__(self, answering: Answering, raw: bool) -> None:
        self._answering = answering
        self._raw = raw

    def predict(self, request: PredictRequest, context: grpc.ServicerContext) -> Message:
        started = time.perf_counter()
        name = request.model_spec.name
        remaining = context.time_remaining()
        try:
            if remaining is not None and remaining <= 0:
                raise Refused(Code.DEADLINE_EXCEEDED, "the deadline passed while the call waited for a thread")
            outputs, spec = self._answering.predict(request, remaining)
            response = PredictResponse(outputs={alias: encode(array, self._raw) for alias, array in outputs.items()}, model_spec=spec)
        except Refused as refusal:
            self._answering.metrics.refused(name, refusal.status)
            raise
        self._answering.metrics.answered(name, "Predict", "GRPC", time.perf_counter() - started)
        return response

    def metadata(self, request: GetModelMetadataRequest, context: grpc.ServicerContext) -> Message:
        return self._answering.metadata(request)

    def status(self, request: GetModelStatusRequest, context: grpc.ServicerContext) -> Message:
        return self._answering.status(request)

    def reload(self, request: ReloadConfigRequest, context: grpc.ServicerContext) -> Message:
        if not request.config.HasField("model_config_list"):
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
            )
        metrics = self._answering.metrics
        before = {name: metrics.value(name) for name in request.metric_names}
        self._answering.models.configure(checked(request.config.model_config_list))
        grown = [Metric(name=name, int64_value_increase=metrics.value(name) - value) for name, value in before.items()]
        return ReloadConfigResponse(status=StatusProto(error_code=Code.OK), metric=grown)

    def health(self, request: HealthCheckRequest, context: grpc.ServicerContext) -> Message:
        if request.service not in ("", "ModelService", "PredictionService"):
            raise Refused(Code.NOT_FOUND, "service name unknown")
        return HealthCheckResponse(status=HealthCheckResponse.SERVING)


def _handlers(service: Service, flags: Flags) -> tuple[grpc.GenericRpcHandler[bytes, bytes], ...]:
    table = {
        methods.PREDICT: _rpc(PredictRequest, service.predict),
        methods.GET_MODEL_METADATA: _rpc(GetModelMetadataRequest, service.metadata),
        methods.GET_MODEL_STATUS: _rpc(GetModelStatusRequest, service.status),
        methods.RELOAD_CONFIG: _rpc(ReloadConfigRequest, service.reload),
    }
    if flags.enable_grpc_healthcheck_service:
        table[methods.CHECK_HEALTH] = _rpc(HealthCheckRequest, service.health)
    services: dict[str, dict[str, grpc.RpcMethodHandler[bytes, bytes]]] = {}
    for path, handler in table.items():
        _, service_name, method = path.split("/")
        services.setdefault(service_name, {})[method] = handler
    return tuple(grpc.method_handlers_generic_handler(name, handlers) for name, handlers in services.items())


def _rpc(kind: type[Request], answer: Answer[Request]) -> grpc.RpcMethodHandler[bytes, bytes]:
    def behaviour(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return answer(kind.FromString(body), context).SerializeToString()
        except DecodeError:
            context.abort(grpc.StatusCode.INTERNAL, f"Unable to parse request: not a {kind.DESCRIPTOR.name}")
        except Refused as refusal:
            context.abort(_CODES[refusal.code], refusal.short())
        except InvalidTensor as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, invalid(str(error)).short())

    return grpc.unary_unary_rpc_method_handler(behaviour)


def _channel_arguments(text: str) -> list[tuple[str, object]]:
    """`grpc.max_connection_age_ms=10000,...`, whole numbers as numbers."""
    pairs = [argument.partition("=") for argument in text.split(",") if argument]
    return [(name, int(value) if value.lstrip("-").isdigit() else value) for name, _, value in pairs]
