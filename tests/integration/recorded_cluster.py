"""Objects as a cluster with KServe 0.20 shows them (what is read, and enough around it): a healthy release, to be broken by tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from fake_kubernetes import FakeKubernetes, helm_secret

RELEASE, NAMESPACE = "recommender", "shop"
VALUES = {
    "transformer": {"minReplicas": 2, "maxReplicas": 6},
    "ranking": {"storageUri": "s3://models/ranking/2026-11-20", "minReplicas": 2, "resources": {"requests": {"cpu": "2"}}},
    "retrieval": {"storageUri": "s3://models/retrieval/2026-11-20"},
}
IMAGES = {"transformer": "registry.example/inference-graph/transformer:0.1.0", "predictor": "tensorflow/serving:2.19.1"}
GRAPH = "clock: wall\nbudget_ms: 250\n"
SIGNATURE = {
    "inputs": {
        "history_ids": {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}]}},
        "item_features": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "-1"}, {"size": "6"}]}},
    },
    "outputs": {"scores": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "-1"}]}}},
    "method_name": "tensorflow/serving/predict",
}


def healthy_cluster() -> FakeKubernetes:
    fake = FakeKubernetes()
    fake.put(_object("v1", "Namespace", NAMESPACE, namespace=None))
    fake.put(*manifest(), helm_secret(record(1, "deployed", "Install complete")))
    for name, parts in {RELEASE: ("transformer", "predictor"), f"{RELEASE}-retrieval": ("predictor",)}.items():
        fake.get("InferenceService", name)["status"] = service_status(name, parts)
        for part in parts:
            _run(fake, name, part)
    fake.put(*_refresh())
    fake.put(*_around())
    return fake


def manifest() -> list[dict[str, Any]]:
    """What the release's chart rendered."""
    labels = {"app.kubernetes.io/name": "recommender", "app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/managed-by": "Helm"}
    ranking = {"model": {"modelFormat": {"name": "tensorflow"}, "storageUri": VALUES["ranking"]["storageUri"]}, "minReplicas": 2}
    retrieval = {"model": {"modelFormat": {"name": "tensorflow"}, "storageUri": VALUES["retrieval"]["storageUri"]}}
    container = {"name": "kserve-container", "image": IMAGES["transformer"], "resources": {"requests": {"cpu": "1000m"}}}
    transformer = {"minReplicas": 2, "maxReplicas": 6, "containers": [container]}
    spec = {RELEASE: {"predictor": ranking, "transformer": transformer}, f"{RELEASE}-retrieval": {"predictor": retrieval}}
    services = [_object("serving.kserve.io/v1beta1", "InferenceService", name, labels, spec=one) for name, one in spec.items()]
    graph = _object("v1", "ConfigMap", f"{RELEASE}-graph", labels, data={"graph.yaml": GRAPH})
    password = base64.b64encode(b"of the trial").decode()
    return [*services, graph, _object("v1", "Secret", f"{RELEASE}-trial", labels, data={"password": password})]


def record(version: int, status: str, description: str, **changes: Any) -> dict[str, Any]:
    """A revision in Helm's own JSON. `tested`: how `helm test` ended on it; `config`: the user's values."""
    test = {"name": f"{RELEASE}-test", "kind": "Pod", "events": ["test"], "last_run": {"started_at": "", "completed_at": "", "phase": ""}}
    if phase := changes.get("tested"):
        test["last_run"] = {"started_at": "2026-11-20T10:01:00Z", "completed_at": "2026-11-20T10:01:09Z", "phase": phase}
    template = {"name": "templates/graph.yaml", "data": base64.b64encode(b"kind: ConfigMap\n").decode()}
    schema = base64.b64encode(json.dumps({"type": "object"}).encode()).decode()
    metadata = {"apiVersion": "v2", "name": "recommender", "version": "0.1.0", "appVersion": "0.1.0"}
    documents = changes.get("manifest", manifest())
    return {
        "name": RELEASE,
        "namespace": NAMESPACE,
        "version": version,
        "info": {"status": status, "description": description, "last_deployed": f"2026-11-2{version}T10:00:00.123456789Z"},
        "chart": {"metadata": metadata, "lock": None, "templates": [template], "values": VALUES, "schema": schema, "files": []},
        "config": changes.get("config", {}),
        "manifest": "".join(f"---\n# Source: recommender/templates/one.yaml\n{json.dumps(one)}\n" for one in documents),
        "hooks": [test],
    }


def service_status(name: str, parts: tuple[str, ...]) -> dict[str, Any]:
    ready = [{"type": f"{part.capitalize()}Ready", "status": "True", "lastTransitionTime": "2026-11-20T10:00:20Z"} for part in parts]
    both = [{"type": kind, "status": "True", "lastTransitionTime": "2026-11-20T10:00:20Z"} for kind in ("IngressReady", "Ready")]
    states = {"activeModelState": "Loaded", "targetModelState": "Loaded"}
    return {
        "conditions": [*ready, *both],
        "modelStatus": {"copies": {"failedCopies": 0, "totalCopies": 1}, "states": states, "transitionStatus": "UpToDate"},
        "observedGeneration": 7,  # a Deployment's
        "url": f"http://{name}-{NAMESPACE}.example.com",
    }


def pod(deployment: str, labels: Mapping[str, str], image: str, suffix: str) -> dict[str, Any]:
    argument = f"--model_name={'retrieval' if 'retrieval' in deployment else 'ranking'}"
    container = {"name": "kserve-container", "image": image, "args": [argument], "ports": [{"containerPort": 8080}]}
    conditions = [{"type": kind, "status": "True"} for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")]
    running = {"name": "kserve-container", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": "2026-11-20T10:00:05Z"}}}
    found = _object("v1", "Pod", f"{deployment}-7d4b9c-{suffix}", labels, spec={"containers": [container]})
    return {**found, "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [{**running, "lastState": {}}]}}


def warning(kind: str, name: str, reason: str, message: str, count: int = 1) -> dict[str, Any]:
    event = _object("v1", "Event", f"{name}.{reason.lower()}")
    times = {"lastTimestamp": "2026-11-20T11:00:00Z", "count": count}
    return {**event, "type": "Warning", "reason": reason, "message": message, "involvedObject": {"kind": kind, "name": name}, **times}


def _run(fake: FakeKubernetes, service: str, part: str) -> None:
    deployment, image = f"{service}-{part}", IMAGES[part]
    component = part if part == "transformer" else "retrieval" if "retrieval" in service else "ranking"
    labels = {"app": f"isvc.{deployment}", "component": part, "serving.kserve.io/inferenceservice": service}
    marked = {**labels, "app.kubernetes.io/component": component, "app.kubernetes.io/instance": RELEASE}
    replicas = {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2, "updatedReplicas": 2, "observedGeneration": 1}
    progress = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "has successfully progressed."}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": labels["app"]}}, "template": {"metadata": {"labels": marked}}}
    fake.put({**_object("apps/v1", "Deployment", deployment, marked, spec=spec), "status": {**replicas, "conditions": [progress]}})
    target = {"type": "Utilization", "averageUtilization": 60}
    wanted = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    measured = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 31}}}
    bounds = {"minReplicas": 2, "maxReplicas": 10, "metrics": [wanted], "scaleTargetRef": {"kind": "Deployment", "name": deployment}}
    able = [{"type": kind, "status": "True"} for kind in ("AbleToScale", "ScalingActive")]
    scaler = _object("autoscaling/v2", "HorizontalPodAutoscaler", deployment, labels, spec=bounds)
    fake.put({**scaler, "status": {"currentMetrics": [measured], "conditions": able}})
    for suffix in ("aa", "bb"):
        one = pod(deployment, marked, image, suffix)
        fake.put(one)
        versions = 'recommender_info{graph="5d1e",ranking="12",retrieval="7",snapshot="c0ffee"} 1.0\n'
        states = [{"version": "12" if component == "ranking" else "7", "state": "AVAILABLE", "status": {"error_code": "OK"}}]
        name = one["metadata"]["name"]
        if part == "transformer":
            fake.proxied[name, "/metrics"] = f"# TYPE recommender_info gauge\n{versions}"
        else:
            fake.proxied[name, f"/v1/models/{component}"] = {"model_version_status": [{"version": "3", "state": "END"}, *states]}
            described = {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}}
            fake.proxied[name, f"/v1/models/{component}/metadata"] = {"model_spec": {"name": component}, "metadata": described}


def _refresh() -> list[dict[str, Any]]:
    labels = {"app.kubernetes.io/instance": RELEASE, "app.kubernetes.io/component": "refresh"}
    schedule = _object("batch/v1", "CronJob", f"{RELEASE}-refresh", labels, spec={"schedule": "17 * * * *", "suspend": False})
    job = _object("batch/v1", "Job", f"{RELEASE}-refresh-1a2b3c", labels, spec={})
    job["metadata"]["creationTimestamp"] = "2026-11-20T10:00:00Z"
    complete = {"type": "Complete", "status": "True", "reason": "CompletionsReached"}
    return [{**schedule, "status": {"lastSuccessfulTime": "2026-11-20T10:17:40Z"}}, {**job, "status": {"conditions": [complete]}}]


def _around() -> list[dict[str, Any]]:
    """KServe's controller, metrics-server, a storage class."""
    manager = {"name": "manager", "image": "kserve/kserve-controller:v0.20.0"}
    spec = {"template": {"spec": {"containers": [{"name": "kube-rbac-proxy", "image": "brancz/kube-rbac-proxy:v0.18.0"}, manager]}}}
    labels = {"control-plane": "kserve-controller-manager"}
    controller = _object("apps/v1", "Deployment", "kserve-controller-manager", labels, "kserve", spec=spec)
    metrics = _object("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", namespace=None)
    storage = _object("storage.k8s.io/v1", "StorageClass", "standard", namespace=None)
    storage["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return [
        {**controller, "status": {"readyReplicas": 1}},
        {**metrics, "status": {"conditions": [{"type": "Available", "status": "True", "reason": "Passed"}]}},
        storage,
        _object("serving.kserve.io/v1alpha1", "ClusterStorageContainer", "default", namespace=None),
    ]


def _object(
    api: str, kind: str, name: str, labels: Mapping[str, str] | None = None, namespace: str | None = NAMESPACE, **body: Any
) -> dict[str, Any]:
    metadata = {"name": name, "generation": 1, "labels": dict(labels or {}), **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}
