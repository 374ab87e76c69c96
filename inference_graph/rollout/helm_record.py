"""What Helm wrote down of a release: one Secret a revision, with the chart, the values and the manifest of that time."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from inference_graph.errors import DependencyBadResponse
from inference_graph.rollout.cluster import Cluster, Object

CHART = "recommender"


@dataclass(frozen=True, slots=True)
class Revision:
    """`record` is Helm's own JSON."""

    record: Mapping[str, Any]

    @property
    def release(self) -> str:
        return str(self.record["name"])

    @property
    def number(self) -> int:
        return int(self.record["version"])

    @property
    def status(self) -> str:
        """deployed, superseded, failed, uninstalling, pending-install, pending-upgrade or pending-rollback."""
        return str(self.record["info"]["status"])

    @property
    def description(self) -> str:
        return str(self.record["info"].get("description", ""))

    @property
    def updated(self) -> str:
        return str(self.record["info"].get("last_deployed", ""))[:19]

    @property
    def chart(self) -> str:
        metadata = self.record["chart"]["metadata"]
        return f"{metadata['name']}-{metadata['version']}"

    @property
    def application(self) -> str:
        return str(self.record["chart"]["metadata"].get("appVersion", ""))

    @property
    def values(self) -> Mapping[str, Any]:
        """The chart's values with those of the release over them, as templates see them."""
        return merged(self.record["chart"].get("values") or {}, self.record.get("config") or {})

    @property
    def objects(self) -> list[Object]:
        """What the release put onto the cluster, hooks and tests aside."""
        return [document for document in yaml.safe_load_all(self.record["manifest"]) if document]

    @property
    def has_tests(self) -> bool:
        return bool(self._tests())

    @property
    def tested(self) -> bool | None:
        """Whether `helm test` succeeded on this revision; None where it was not run."""
        phases = {(hook.get("last_run") or {}).get("phase") or None for hook in self._tests()}
        if phases <= {None}:
            return None
        return phases == {"Succeeded"}

    def write_chart(self, folder: Path) -> Path:
        """The chart of this revision as files, for `helm upgrade` with nothing changed but values. It must have no sub-charts."""
        chart = self.record["chart"]
        files = {
            "Chart.yaml": yaml.safe_dump(chart["metadata"]).encode(),
            "values.yaml": yaml.safe_dump(chart.get("values") or {}).encode(),
        }
        for file in (*(chart.get("templates") or []), *(chart.get("files") or [])):
            files[file["name"]] = base64.b64decode(file["data"])
        if chart.get("schema"):
            files["values.schema.json"] = base64.b64decode(chart["schema"])
        for name, content in files.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise DependencyBadResponse(f"the chart in release {self.release} holds a file outside of itself: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def _tests(self) -> list[Object]:
        return [hook for hook in self.record.get("hooks") or [] if "test" in hook.get("events", [])]


def revisions(cluster: Cluster, release: str | None = None) -> list[Revision]:
    """All that Helm remembers of a release (of every release of our chart where None), oldest first."""
    selector = "owner=helm" if release is None else f"owner=helm,name={release}"
    secrets = cluster.items(cluster.of_namespace("v1", "secrets"), labelSelector=selector)
    found = [decoded(secret) for secret in secrets if secret.get("type") == "helm.sh/release.v1"]
    ours = [revision for revision in found if release is not None or revision.record["chart"]["metadata"]["name"] == CHART]
    return sorted(ours, key=lambda revision: (revision.release, revision.number))


def decoded(secret: Object) -> Revision:
    """Base64 of Kubernetes, base64 of Helm, gzip, JSON. Raises DependencyBadResponse."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        return Revision(json.loads(gzip.decompress(packed)))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise DependencyBadResponse(f"Secret {secret['metadata']['name']} is not a record of Helm ({error})") from error


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """As Helm merges values: maps are joined, everything else is replaced, null takes a key away."""
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result
