"""What the server answers to each of TF Serving's requests, the same for gRPC and REST."""

from __future__ import annotations

from dataclasses import dataclass

from inference_graph.clients.tf_serving_protocol import methods
from inference_graph.clients.tf_serving_protocol.codec import Array
from inference_graph.clients.tf_serving_protocol.model_pb2 import (
    Code,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelVersionStatus,
    SignatureDef,
    SignatureDefMap,
    StatusProto,
)
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest
from model_server.metrics import Metrics
from model_server.models import Models
from model_server.predicting import predict
from model_server.refusal import invalid
from model_server.versions import Version


@dataclass(frozen=True)
class Answering:
    """Every method raises Refused."""

    models: Models
    metrics: Metrics

    def predict(self, request: PredictRequest, timeout: float | None) -> tuple[dict[str, Array], ModelSpec]:
        """`timeout` in seconds; the spec says which version answered."""
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        with self.models.use(request.model_spec) as (model, number):
            outputs = predict(model, request, timeout, self.metrics)
        spec = ModelSpec(name=request.model_spec.name, signature_name=request.model_spec.signature_name or methods.DEFAULT_SIGNATURE)
        spec.version.value = number
        return outputs, spec

    def signatures(self, spec: ModelSpec) -> tuple[dict[str, SignatureDef], int]:
        with self.models.use(spec) as (model, number):
            return dict(model.signatures), number

    def metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in request.metadata_field:
            if name != methods.SIGNATURE_FIELD:
                raise invalid(f"Metadata field {name} is not supported")
        signatures, number = self.signatures(request.model_spec)
        response = GetModelMetadataResponse(model_spec=ModelSpec(name=request.model_spec.name))
        response.model_spec.version.value = number
        packed = response.metadata[methods.SIGNATURE_FIELD]
        packed.type_url = methods.SIGNATURE_TYPE_URL
        packed.value = SignatureDefMap(signature_def=signatures).SerializeToString()
        return response

    def status(self, request: GetModelStatusRequest) -> GetModelStatusResponse:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        versions = self.models.versions(request.model_spec)
        return GetModelStatusResponse(model_version_status=[_status(version) for version in versions])


def _status(version: Version) -> ModelVersionStatus:
    refusal = version.refusal
    status = StatusProto(error_code=Code.OK) if refusal is None else StatusProto(error_code=refusal.code, error_message=refusal.text)
    return ModelVersionStatus(version=version.number, state=version.state, status=status)
