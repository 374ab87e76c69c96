"""The release that the tests share, and the table of what they measured."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.figures import table
from cluster.release import ALONE, Release

HERE = Path(__file__).parent
NEEDED = ("KUBECONFIG", "CLUSTER_VALUES", "CLUSTER_JOBS_IMAGE")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "aside: waits for minutes, under little load; run.sh runs it beside the others")


@pytest.fixture(scope="session")
def release() -> Iterator[Release]:
    """Installed with one pod of each, ready. Its namespace goes with all that is in it at the end; KEEP=1 leaves it."""
    missing = [name for name in NEEDED if not os.environ.get(name)] + [tool for tool in ("kubectl", "helm") if not shutil.which(tool)]
    if missing:
        pytest.exit(f"these tests need a cluster with KServe; missing: {', '.join(missing)} (tests/cluster/README.md)", returncode=2)
    name = os.environ.get("CLUSTER_RELEASE", "recommender")
    release = Release.in_its_namespace(f"{name}-tests", name)
    store = f"s3://recommender/{release.name}"
    release.upgrade(
        ALONE,
        {
            "trial": {"prometheus": {"enabled": True}},
            "snapshot": {"store": f"{store}/snapshots"},
            "features": {"registry": f"{store}/registry.db", "offlineStore": f"{store}/offline"},
        },
    )
    release.wait_until_ready()
    release.settle(transformer=1, retrieval=1, ranking=1)
    yield release
    if os.environ.get("KEEP") != "1":
        release.remove()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(1800))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in table():
        terminalreporter.write_line(line)
