"""What an uninstall leaves: claims that are marked to be kept, and nothing else of ours."""

from __future__ import annotations

from cluster.commands import found, kubectl, wait_for
from cluster.figures import figure
from cluster.release import Release

OF_THE_CLUSTER = {"configmaps/kube-root-ca.crt", "serviceaccounts/default"}
OF_THE_TESTS = {"configmaps/load", "persistentvolumeclaims/models", "secrets/s3-keys"}


def test_an_uninstall_leaves_nothing_but_the_claims_that_are_kept(release: Release) -> None:
    release.helm("uninstall", release.name, "--wait")
    wait_for(lambda: found(release.namespace, "pods") == [], "the last pod to go", 180)
    left = {f"{kind}/{one['metadata']['name']}": one["metadata"] for kind in _kinds(release) for one in found(release.namespace, kind)}
    ours = sorted(set(left) - OF_THE_CLUSTER - OF_THE_TESTS)
    figure("`helm uninstall` leaves", ", ".join(f"`{name}`" for name in ours))
    assert ours == [f"persistentvolumeclaims/{release.name}-redis", f"persistentvolumeclaims/{release.name}-workspace"]
    for name in ours:
        assert left[name]["annotations"]["helm.sh/resource-policy"] == "keep"


def _kinds(release: Release) -> list[str]:
    """Every kind of object that this cluster lists in a namespace; metrics and events come and go by themselves."""
    names = kubectl(release.namespace, "api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    return sorted(name for name in names if not name.startswith("events") and not name.endswith("metrics.k8s.io"))
