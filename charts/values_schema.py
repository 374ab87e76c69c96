"""Prints charts/recommender/values.schema.json: closed to unknown keys, the graph as graph.yaml's own settings describe it."""

from __future__ import annotations

import json
from typing import Any

from inference_graph.graph import BUILT_IN, GraphConfig

Schema = dict[str, Any]
DEFINITIONS = "#/$defs/{model}"
COMPONENT_LISTS = ("sources", "filters", "hydrators", "boosts")

TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object"}  # goes to Kubernetes as it is
OPEN_LIST: Schema = {"type": "array", "items": OPEN}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
WORDS: Schema = {"type": "array", "items": TEXT}
QUANTITY: Schema = {"type": ["string", "integer", "number"], "pattern": r"^[0-9.]+(m|[kMGTPE]i?)?$"}
CPU: Schema = {"type": ["string", "integer", "number"], "pattern": r"^[0-9]+(m|\.[0-9]+)?$"}
REPLICAS: Schema = {"type": "integer", "minimum": 1}


def ref(name: str) -> Schema:
    return {"$ref": DEFINITIONS.format(model=name)}


def closed(required: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": list(required)} if required else schema


def text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def choice(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def definitions() -> dict[str, Schema]:
    identity: Schema = {"type": ["integer", "null"], "minimum": 1}
    return {
        "image": closed(
            registry=TEXT,
            repository=text("."),
            tag=TEXT,
            digest=text("^(sha256:[0-9a-f]{64})?$"),
            pullPolicy=choice("Always", "IfNotPresent", "Never"),
        ),
        "resources": closed(
            ("requests",),
            requests={**OPEN, "required": ["cpu", "memory"], "properties": {"cpu": CPU, "memory": QUANTITY}},
            limits=OPEN,
        ),
        "account": closed(create=BOOLEAN, name=TEXT, annotations=TEXTS),
        "budget": closed(enabled=BOOLEAN, maxUnavailable={"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+%$"}),
        "identity": {**OPEN, "properties": dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), identity)},
        **graph_definitions(),
    }


POD: dict[str, Schema] = {
    "securityContext": ref("identity"),
    "nodeSelector": TEXTS,
    "tolerations": OPEN_LIST,
    "affinity": OPEN,
    "topologySpreadConstraints": {"type": ["array", "null"], "items": OPEN},
    "priorityClassName": TEXT,
    "podLabels": TEXTS,
    "podAnnotations": TEXTS,
    "extraEnv": OPEN_LIST,
    "extraEnvFrom": OPEN_LIST,
    "extraVolumes": OPEN_LIST,
    "extraVolumeMounts": OPEN_LIST,
    "serviceAccount": ref("account"),
}
BLOCK = {**POD, "image": ref("image"), "resources": ref("resources")}
# One pod is spread over nothing; the trial parts have accounts of their own, or none.
JOB = {key: value for key, value in BLOCK.items() if key != "topologySpreadConstraints"}
TRIAL = {key: value for key, value in JOB.items() if key != "serviceAccount"}
SERVER = {
    **BLOCK,
    "minReplicas": REPLICAS,
    "maxReplicas": REPLICAS,
    "targetCPU": {"type": "integer", "minimum": 1, "maximum": 1000},
    "pdb": ref("budget"),
}
MODEL = {
    **SERVER,
    "server": choice("tensorflow-serving", "model-server"),
    "storageUri": text("^((s3|gs|pvc|hdfs|webhdfs|hf|https?|abfss?)://.)"),
    "extraArgs": WORDS,
}
CLAIM = {"existingClaim": TEXT, "size": QUANTITY, "storageClassName": TEXT}


def values() -> Schema:
    port: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
    seconds: Schema = {"type": "integer", "minimum": 0}
    trial = closed(enabled=BOOLEAN, **TRIAL)
    duration = text("^[1-9][0-9]*(s|m|h)$")
    stored = text("^([a-z0-9]+://.|/var/lib/recommender/.)")
    return closed(
        **{"global": {**OPEN, "properties": {"imageRegistry": TEXT, "imagePullSecrets": OPEN_LIST}}},
        nameOverride=TEXT,
        fullnameOverride=TEXT,
        modelName={**text("^[A-Za-z0-9][-A-Za-z0-9_.]*$"), "not": {"const": "similar"}},
        graph=ref("graph"),
        podDefaults=closed(**POD),
        transformer=closed(**SERVER),
        ranking=closed(**MODEL),
        retrieval=closed(**MODEL),
        refresh=closed(
            **JOB,
            job=closed(enabled=BOOLEAN),
            cronJob=closed(enabled=BOOLEAN, schedule=text("."), timeZone=TEXT, suspend=BOOLEAN),
            redisWaitSeconds=seconds,
            deadlineSeconds={"type": "integer", "minimum": 1},
            onlineViews=WORDS,
            data=closed(existingClaim=TEXT, subPath=TEXT, synthetic=BOOLEAN),
            workspace=closed(**CLAIM, accessModes={"type": "array", "minItems": 1, "items": TEXT}),
        ),
        batch=closed(enabled=BOOLEAN, **JOB, workers=REPLICAS, out=stored, args=WORDS, run=text("."), operator=OPEN_LIST),
        redis=closed(
            **TRIAL,
            host=text("."),
            port=port,
            database=seconds,
            prefix=TEXT,
            existingSecret=TEXT,
            tls=closed(enabled=BOOLEAN, ca=BOOLEAN),
            persistence=closed(**CLAIM),
        ),
        s3=closed(existingSecret=TEXT, endpoint=text("^(https?://.+)?$"), region=TEXT),
        snapshot=closed(
            store=stored, pin=TEXT, pollSeconds={"type": "number", "minimum": 0.1, "maximum": 3600}, cacheSize=QUANTITY, claim=TEXT
        ),
        features=closed(registry=stored, offlineStore=stored, project=text("^[A-Za-z0-9_]*$")),
        embeddings=closed(url=text("^(https?://.+)?$"), model=TEXT, price={"type": ["string", "number"]}, existingSecret=TEXT),
        grpcBalancing=choice("headless", "service"),
        autoscaling=closed(
            **{"class": choice("hpa", "keda", "external")},
            behavior=OPEN,
            keda=closed(serverAddress=text("^(https?://.+)?$"), requestsPerReplica={"type": "number", "exclusiveMinimum": 0}),
        ),
        networkPolicy=closed(enabled=BOOLEAN, clients=OPEN_LIST, prometheus=OPEN_LIST, egress=OPEN_LIST),
        expose=closed(
            kind=choice("none", "httpRoute", "ingress"),
            host=TEXT,
            tlsSecret=TEXT,
            annotations=TEXTS,
            events=BOOLEAN,
            explain=BOOLEAN,
            httpRoute=closed(parentRefs=OPEN_LIST),
            ingress=closed(className=TEXT, pathType=choice("Exact", "ImplementationSpecific")),
        ),
        monitoring=closed(
            annotations=closed(enabled=BOOLEAN),
            podMonitor=closed(enabled=BOOLEAN, interval=duration, labels=TEXTS),
            prometheusRule=closed(enabled=BOOLEAN, interval=duration, labels=TEXTS),
            dashboards=closed(enabled=BOOLEAN, labels=TEXTS, annotations=TEXTS),
            disabledAlerts=WORDS,
            runbookUrl=text("^(https?://.+)?$"),
        ),
        trial=closed(redis=closed(enabled=BOOLEAN), prometheus=trial, grafana=trial),
    )


def graph_definitions() -> dict[str, Schema]:
    """What may be said of the graph; a part of it, for it is merged with files/graph.yaml."""
    found: dict[str, Schema] = {}
    kinds = {str(model.model_fields["kind"].annotation.__args__[0]): model for model in BUILT_IN}
    for kind, model in kinds.items():
        described = model.model_json_schema(ref_template=DEFINITIONS)
        found |= described.pop("$defs", {})
        found[kind] = described
    graph = GraphConfig.model_json_schema(ref_template=DEFINITIONS)
    found |= graph.pop("$defs", {})
    surface = found["Surface"]
    for part in (graph, surface):
        part.pop("required", None)
    del graph["properties"]["version"]
    for name in COMPONENT_LISTS:
        surface["properties"][name]["items"] = ref("component")
    surface["properties"]["ranker"] = {"anyOf": [ref("component"), {"type": "null"}]}
    rules = [{"if": {"properties": {"kind": {"const": kind}}}, "then": ref(kind)} for kind in kinds]
    component: Schema = {**OPEN, "required": ["kind"], "properties": {"kind": TEXT}, "allOf": rules}
    return {"graph": graph, "component": component, **found}


def untitled(schema: Any) -> Any:
    """Without the names of our classes; a property called title stays."""
    if isinstance(schema, list):
        return [untitled(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: untitled(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))}


def needs(given: Schema, then: Schema) -> Schema:
    return {"if": given, "then": then}


def where(path: str, schema: Schema) -> Schema:
    """The schema of the value at `a.b.c`, which must be there."""
    for key in reversed(path.split(".")):
        schema = {"properties": {key: schema}, "required": [key]}
    return schema


def whole() -> Schema:
    filled: Schema = {"minLength": 1}
    found: Schema = untitled(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            **values(),
            "allOf": [
                needs(where("expose.kind", {"enum": ["httpRoute", "ingress"]}), where("expose.host", filled)),
                needs(where("expose.kind", {"const": "httpRoute"}), where("expose.httpRoute.parentRefs", {"minItems": 1})),
                needs(where("redis.tls.ca", {"const": True}), where("redis.existingSecret", filled)),
                needs(where("redis.tls.ca", {"const": True}), where("redis.tls.enabled", {"const": True})),
                needs(where("embeddings.url", filled), where("embeddings.model", filled)),
                needs(where("refresh.data.existingClaim", filled), where("refresh.data.synthetic", {"const": False})),
            ],
            "$defs": definitions(),
        }
    )
    return found


if __name__ == "__main__":
    print(json.dumps(whole(), indent=1))
