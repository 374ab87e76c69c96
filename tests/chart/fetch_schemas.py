"""Copies what describes Kubernetes' and others' objects out of their Go modules into a folder (`make chart-tools`)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = {
    "k8s.io/kubernetes@v1.34.4": ["api/openapi-spec/swagger.json"],
    "github.com/kserve/kserve@v0.20.0": [
        "config/crd/full/serving.kserve.io_inferenceservices.yaml",
        "config/crd/full/serving.kserve.io_servingruntimes.yaml",
    ],
    "github.com/ray-project/kuberay/ray-operator@v1.5.0": ["config/crd/bases/ray.io_rayjobs.yaml"],
    "sigs.k8s.io/gateway-api@v1.4.1": ["config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"],
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": [
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ],
}


def fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for module, files in SOURCES.items():
        if all((folder / Path(file).name).exists() for file in files):
            continue
        run = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, text=True, check=False)
        found = json.loads(run.stdout or "{}")
        if "Dir" not in found:
            sys.exit(f"error: {module}: {found.get('Error') or run.stderr}")
        for file in files:
            shutil.copyfile(Path(found["Dir"]) / file, folder / Path(file).name)
            (folder / Path(file).name).chmod(0o644)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
