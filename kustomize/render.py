"""Renders the chart into a folder (kustomize/): base/ and components/redis/. Nothing there is written by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
HELM_ALONE = {"helm.sh/chart", "helm.sh/resource-policy"}
Objects = list[dict[str, Any]]


class Readable(yaml.CSafeDumper):
    """Texts of several lines as blocks."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _text)


def rendered(values: dict[str, Any]) -> Objects:
    """Without hooks and tests, and without what only Helm reads."""
    helm = shutil.which("helm", path=f"{ROOT / '.cache/bin'}{os.pathsep}{os.environ['PATH']}")
    if helm is None:
        sys.exit("error: helm is not here: `make chart-tools` builds it where Go is installed")
    command = [helm, "template", "recommender", str(ROOT / "charts/recommender"), "--no-hooks", "--kube-version=1.34", "--values", "-"]
    text = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=True).stdout
    return [_freed(found) for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def _freed(part: Any) -> Any:
    if isinstance(part, list):
        return [_freed(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _freed(value) for key, value in part.items() if key not in HELM_ALONE and key != "app.kubernetes.io/managed-by"}
    return {key: value for key, value in kept.items() if value or key != "annotations"}


def write(folder: Path, objects: Objects, kind: str, api_version: str) -> None:
    """One file for each kind of object, and the kustomization that names them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = sorted({found["kind"].lower() for found in objects})
    for name in names:
        _write(folder / f"{name}.yaml", (found for found in objects if found["kind"].lower() == name))
    _write(folder / "kustomization.yaml", [{"apiVersion": api_version, "kind": kind, "resources": [f"{name}.yaml" for name in names]}])


def _write(path: Path, objects: Iterable[dict[str, Any]]) -> None:
    made = "# Made from charts/recommender by `make manifests`.\n"
    path.write_text(made + yaml.dump_all(objects, Dumper=Readable, sort_keys=False, width=1000))


def main(folder: Path) -> None:
    # One name for Redis: a Service that an overlay or components/redis brings.
    plain = {"refresh": {"job": {"enabled": False}}, "redis": {"host": "recommender-redis"}}
    write(folder / "base", rendered(plain), "Kustomization", "kustomize.config.k8s.io/v1beta1")
    trial = rendered({**plain, "trial": {"redis": {"enabled": True}}})
    redis = [found for found in trial if found["metadata"]["labels"].get("app.kubernetes.io/component") == "redis"]
    write(folder / "components" / "redis", redis, "Component", "kustomize.config.k8s.io/v1alpha1")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
