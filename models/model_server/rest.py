"""The REST side: TF Serving's routes, bodies, status codes and texts, as a function from a request to a reply."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from inference_graph.clients.tf_serving_protocol.codec import encode
from inference_graph.clients.tf_serving_protocol.methods import DEFAULT_SIGNATURE, SIGNATURE_FIELD
from inference_graph.clients.tf_serving_protocol.model_pb2 import Code, GetModelStatusRequest, SignatureDefMap
from inference_graph.clients.tf_serving_protocol.predict_pb2 import ModelSpec, PredictRequest
from model_server.answering import Answering
from model_server.json_predict import read_inputs, render, signature_name
from model_server.json_syntax import read_json
from model_server.refusal import Refused, invalid

_NAMED = r"/v1/models/([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?"
_PREDICT = re.compile(_NAMED + r":(classify|regress|predict)", re.IGNORECASE)
_ABOUT = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/([0-9]+)|/labels/([^/:]+))?(?:/(metadata))?", re.IGNORECASE)
_LARGEST_VERSION = 2**63 - 1
_HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.UNAUTHENTICATED: 401,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class Rest:
    answering: Answering
    predict_timeout: float | None
    metrics_path: str | None

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """`path` as it was sent: still quoted, without the query."""
        if path == self.metrics_path:
            return Reply(200, self.answering.metrics.page().encode(), "text/plain")
        if not path.lower().startswith("/v1/"):
            return Reply(404, b"", "text/plain")
        if method == "OPTIONS":
            return Reply(200, b"")
        started, (model, api) = time.perf_counter(), _asked(method, path)
        try:
            reply = Reply(200, self._dispatch(method, path, body))
        except Refused as refusal:
            self.answering.metrics.refused(model, refusal.status)
            return Reply(_HTTP.get(refusal.code, 500), json.dumps({"error": refusal.text}, indent=4).encode())
        self.answering.metrics.answered(model, api, "REST", time.perf_counter() - started)
        return reply

    def _dispatch(self, method: str, path: str, body: bytes) -> bytes:
        if method == "POST" and (match := _PREDICT.fullmatch(path)) and match[4] in ("predict", "classify", "regress"):
            spec = _spec(match)
            if match[4] != "predict":
                raise Refused(Code.UNIMPLEMENTED, f"{match[4]} is not implemented by this server; use predict")
            try:
                return self._predict(spec, body)
            # Python's parser takes what RapidJSON does not: half a surrogate pair, and integers beyond any float.
            except UnicodeEncodeError as error:
                raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
            except OverflowError as error:
                raise invalid("JSON Parse error: Number too big to be stored in double.") from error
        if method == "GET" and (match := _ABOUT.fullmatch(path)):
            spec = _spec(match)
            if not spec.name:
                raise invalid("Missing model name in request.")
            return self._metadata(spec) if match[4] == "metadata" else self._status(spec)
        raise invalid(f"Malformed request: {method} {path}")

    def _predict(self, spec: ModelSpec, body: bytes) -> bytes:
        document = read_json(body)
        spec.signature_name = signature_name(document)
        signatures, _ = self.answering.signatures(spec)
        wanted = spec.signature_name or DEFAULT_SIGNATURE
        if wanted not in signatures:
            raise invalid(f'Serving signature name: "{wanted}" not found in signature def')
        if not signatures[wanted].inputs:
            raise invalid(f"Failed to get input map for signature: {spec.signature_name or 'DEFAULT'}")
        inputs, rows = read_inputs(document, signatures[wanted])
        request = PredictRequest(model_spec=spec, inputs={name: encode(array) for name, array in inputs.items()})
        outputs, _ = self.answering.predict(request, self.predict_timeout)
        return render(outputs, rows)

    def _status(self, spec: ModelSpec) -> bytes:
        return _dump(_document(self.answering.status(GetModelStatusRequest(model_spec=spec))))

    def _metadata(self, spec: ModelSpec) -> bytes:
        signatures, number = self.answering.signatures(spec)
        answered = ModelSpec(name=spec.name)
        answered.version.value = number
        described = _document(SignatureDefMap(signature_def=signatures))
        return _dump({"model_spec": _document(answered), "metadata": {SIGNATURE_FIELD: described}})


def _asked(method: str, path: str) -> tuple[str, str]:
    """The model and the API as TF Serving counts them: it counts every request, and names the API only of a POST."""
    if method == "POST" and (match := _PREDICT.fullmatch(path)):
        return unquote(match[1]), match[4]
    match = _ABOUT.fullmatch(path) if method == "GET" else None
    return (unquote(match[1] or "") if match else ""), ""


def _spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=unquote(match[1] or ""))
    if match[2] is not None:
        if int(match[2]) > _LARGEST_VERSION:
            raise invalid(f"Failed to convert version: {match[2]} to numeric.")
        spec.version.value = int(match[2])
    if match[3] is not None:
        spec.version_label = unquote(match[3])
    return spec


def _document(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _dump(document: object) -> bytes:
    return json.dumps(document, indent=1).encode() + b"\n"
