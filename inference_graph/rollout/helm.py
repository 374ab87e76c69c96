"""The `helm` program, on the cluster and namespace that were asked for."""

from __future__ import annotations

import shutil
import subprocess

from inference_graph.errors import DependencyBadResponse, DependencyUnavailable
from inference_graph.rollout.cluster import Cluster


def helm(cluster: Cluster, *arguments: str) -> str:
    """What it printed. Raises DependencyUnavailable where there is no helm, DependencyBadResponse with its words where it fails."""
    program = shutil.which("helm")
    if program is None:
        raise DependencyUnavailable("the program helm (3.14 or newer) is not installed here")
    where = ("--namespace", cluster.namespace, *(("--kube-context", cluster.context) if cluster.context else ()))
    done = subprocess.run([program, *arguments, *where], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DependencyBadResponse(f"helm {arguments[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
