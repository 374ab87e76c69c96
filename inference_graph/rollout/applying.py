"""Makes a checked model live: the release's own chart with one value changed, by `helm upgrade`, watched until it serves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from inference_graph.errors import DependencyError, InvalidConfiguration
from inference_graph.rollout.candidate import ModelRelease
from inference_graph.rollout.cluster import Cluster
from inference_graph.rollout.helm import helm
from inference_graph.rollout.helm_record import revisions
from inference_graph.rollout.status import Status
from inference_graph.rollout.waiting import until_healthy


def make_live(cluster: Cluster, release: str, model: str, candidate: ModelRelease, seconds: float) -> str:
    """What was done, in words. Raises InvalidConfiguration without a release to upgrade, DependencyError where it did not arrive."""
    known = revisions(cluster, release)
    if not known:
        raise InvalidConfiguration(f"Helm knows no release {release!r} in namespace {cluster.namespace!r}: use --values instead of --apply")
    newest = known[-1]
    if newest.status != "deployed":
        raise InvalidConfiguration(f"revision {newest.number} of {release} is {newest.status}: mend that first (`inference-graph status`)")
    with tempfile.TemporaryDirectory() as scratch:
        chart = newest.write_chart(Path(scratch) / "chart")
        change = Path(scratch) / "change.yaml"
        change.write_text(yaml.safe_dump({model: {"storageUri": candidate.uri}}))
        words = f"{model} {candidate.version} from {candidate.uri}"
        timeout = f"{seconds:.0f}s"
        helm(
            *(cluster, "upgrade", release, str(chart), "--reset-then-reuse-values", "--values", str(change)),
            *("--description", words, "--timeout", timeout),
        )
    back = f"; back with `inference-graph rollback {release} --namespace {cluster.namespace}`"
    try:
        until_healthy(cluster, release, seconds, lambda status: _serves(status, model, candidate))
        if newest.has_tests:
            helm(cluster, "test", release, "--timeout", timeout)
    except DependencyError as error:
        raise type(error)(f"{error}{back}") from error
    tested = ", and helm test passed" if newest.has_tests else ""
    return f"{model} {candidate.version} is live in revision {newest.number + 1}{tested}"


def _serves(status: Status, model: str, candidate: ModelRelease) -> bool:
    """Whether its pods say so; where they cannot be asked, what KServe was told has to do."""
    (own,) = (workload for workload in status.workloads if workload.component == model)
    return own.model == candidate.uri and own.versions in ((candidate.version,), ())
