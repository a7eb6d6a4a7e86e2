# SPDX-License-Identifier: Apache-2.0
import pytest

from cache_site import CacheEdge, Site
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


@pytest.fixture(scope="module")
def cache_edge(tmp_path_factory):
    """One edge that stores, for tests that share it. It must end well: all that it holds is freed."""
    edge = CacheEdge(tmp_path_factory.mktemp("cache"))
    try:
        yield edge.start()
        assert edge.program.stop() == 0, edge.program.log()[-4000:]
    finally:
        edge.stop()


@pytest.fixture(params=["h1", "h2"])
def site(cache_edge, request):
    return Site(cache_edge, request.param, request.node.originalname)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of each member's log."""
    report = (yield).get_result()
    used = getattr(item, "funcargs", {})
    cluster = used.get("cluster") or used.get("empty_cluster")
    if used.get("cache_edge"):
        cluster = used["cache_edge"].cluster
    if report.failed and cluster:
        for program in cluster.programs:
            report.sections.append((f"log of {program.name}", program.log()[-3000:]))
