"""An InferenceService's own word on its health: KServe's conditions, the state of its model, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator

from inference_graph.rollout.cluster import Object
from inference_graph.rollout.events import Warnings, one_line

API = "serving.kserve.io/v1beta1"
# Its observedGeneration is a Deployment's, so it says nothing. Its Ready leaves the transformer out in Standard mode.
REQUIRED = {"predictor": "PredictorReady", "transformer": "TransformerReady"}


def service_problems(service: Object, warnings: Warnings) -> Iterator[str]:
    name, status = service["metadata"]["name"], service.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or []}
    if not conditions:
        yield f"InferenceService {name} has no status: does KServe's controller run, and does it watch this namespace?"
        return
    yield from _model_problems(name, status.get("modelStatus") or {})
    needed = [REQUIRED[part] for part in REQUIRED if part in service["spec"]]
    said = set()
    for kind in (*needed, "Ready"):
        condition = conditions.get(kind, {"status": "Unknown"})
        reason = _condition_reason(condition)
        if condition["status"] != "True" and reason not in said:
            said.add(reason)
            yield f"InferenceService {name}: {kind} is {condition['status']}{reason}"
    if said and (warning := warnings.about("InferenceService", name)):
        yield f"InferenceService {name}: {warning}"


def storage_uri(service: Object) -> str | None:
    """Where the predictor's model is."""
    model = service["spec"]["predictor"].get("model") or {}
    return model.get("storageUri") or (model.get("storage") or {}).get("storageUri")


def model_of(service: Object) -> str:
    """Which of our models its predictor serves: the chart names the services so."""
    return "retrieval" if service["metadata"]["name"].endswith("-retrieval") else "ranking"


def _model_problems(name: str, model: Object) -> Iterator[str]:
    failure = model.get("lastFailureInfo") or {}
    transition = model.get("transitionStatus")
    if transition == "InvalidSpec" and failure.get("reason") == "NoSupportingRuntime":
        yield f"InferenceService {name}: no ServingRuntime serves its model format: is the release's ServingRuntime there?"
    elif transition in ("InvalidSpec", "BlockedByFailedLoad"):
        said = f"{failure.get('reason', '')} {failure.get('message', '')}".strip()
        yield f"InferenceService {name}: its model does not load ({transition}): {one_line(said) or 'no reason given'}"


def _condition_reason(condition: Object) -> str:
    said = ": ".join(part for part in (condition.get("reason", ""), one_line(condition.get("message", ""))) if part)
    return f": {said}" if said else ""
