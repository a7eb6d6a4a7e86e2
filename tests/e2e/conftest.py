# SPDX-License-Identifier: Apache-2.0
import pytest

from cluster import Cluster


@pytest.fixture
def empty_cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Three regions of two edges and two GTMs, up and agreed: for tests that leave it as it was."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster")).three_regions()
    try:
        yield cluster.start().settle()
    finally:
        cluster.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of each member's log."""
    report = (yield).get_result()
    used = getattr(item, "funcargs", {})
    cluster = used.get("cluster") or used.get("empty_cluster")
    if report.failed and cluster:
        for program in cluster.programs:
            report.sections.append((f"log of {program.name}", program.log()[-3000:]))
