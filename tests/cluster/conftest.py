"""The releases of the tests, and the table of what they measured."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.figures import table, taken
from cluster.release import ALONE, Release

HERE = Path(__file__).parent
NEEDED = ("KUBECONFIG", "CLUSTER_VALUES", "CLUSTER_JOBS_IMAGE")
FIGURES = "figures"

ASIDE = ("test_kustomize.py", "test_monitoring.py")
"""They wait for minutes, under little load: the others go on meanwhile, with a release of their own."""


def pytest_sessionstart(session: pytest.Session) -> None:
    missing = [name for name in NEEDED if not os.environ.get(name)] + [tool for tool in ("kubectl", "helm") if not shutil.which(tool)]
    if missing:
        pytest.exit(f"these tests need a cluster with KServe; missing: {', '.join(missing)} (tests/cluster/README.md)", returncode=2)


@pytest.fixture(scope="session")
def release(worker_id: str) -> Iterator[Release]:
    """Of this process, installed with one pod of each, ready. Its namespace goes with all that is in it at the end; KEEP=1 leaves it."""
    # Another name, too: what takes a node's pods away by the name of their release must leave the other's alone.
    suffix = "" if worker_id in ("master", "gw0") else f"-{worker_id}"
    release = Release.in_its_namespace(f"recommender-tests{suffix}", f"recommender{suffix}")
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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.timeout(1800))
            item.add_marker(pytest.mark.xdist_group("aside" if item.path.name in ASIDE else "in turn"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    finally:
        item.user_properties.append((FIGURES, taken()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    figures = [figure for report in reports for name, found in report.user_properties if name == FIGURES for figure in found]
    for line in table(figures):
        terminalreporter.write_line(line)
