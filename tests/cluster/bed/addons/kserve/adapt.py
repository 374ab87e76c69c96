#!/usr/bin/env python
"""Post-renderer for KServe's chart: no cert-manager, no proxy, our download of models. Its argument is the authority's certificate."""

import base64
import sys
from pathlib import Path
from typing import Any

import yaml

AUTHORITY = base64.b64encode(Path(sys.argv[1]).read_bytes()).decode()


def adapted(found: dict[str, Any]) -> dict[str, Any]:
    if found["kind"].endswith("WebhookConfiguration"):
        for webhook in found["webhooks"]:
            webhook["clientConfig"]["caBundle"] = AUTHORITY
    if found["kind"] == "Deployment":
        spec = found["spec"]["template"]["spec"]
        spec["containers"] = [container for container in spec["containers"] if container["name"] == "manager"]
        spec["containers"][0]["command"] = ["/kserve-controller"]
        spec["containers"][0]["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
    if found["kind"] == "ClusterStorageContainer":
        found["spec"]["container"] |= {"imagePullPolicy": "Never", "command": ["storage-initializer"]}
    return found


def is_kept(found: dict[str, Any]) -> bool:
    """The secret that the chart makes is an empty one for cert-manager to fill."""
    return not found["apiVersion"].startswith("cert-manager.io") and found["kind"] != "Secret"


objects = [found for found in yaml.safe_load_all(sys.stdin) if found]
yaml.safe_dump_all([adapted(found) for found in objects if is_kept(found)], sys.stdout)
