# SPDX-License-Identifier: Apache-2.0
"""Ten thousand idle TLS connections, all of them served afterwards."""
import pathlib
import resource
import subprocess
import sys

import pytest

from clients import curl
from cluster import WWW
from one_edge import OneEdge
from origin import plain
from wait import until

COUNT, HOLDERS = 10_000, 2
KB_EACH = 60  # the release takes 15; under the address sanitizer each allocation has red zones


@pytest.fixture
def descriptors():
    """Room for ours and the edge's, which inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = COUNT + 500
    if hard < need:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, need))
        except ValueError:
            pytest.skip(f"only {hard} descriptors: the hard limit must be {need}, or the tests run as root")
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, soft)))


def memory_kb(pid: int) -> int:
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Rss:"))


def test_ten_thousand_idle_tls_connections_are_held_and_served(tmp_path, descriptors):
    edge = OneEdge(tmp_path, timeouts={"keep_alive": "10m"})
    edge.origin.answers["/load"] = plain("loaded")
    holders = []
    try:
        edge.start()
        https = edge.cluster.https("eu-west-1")
        assert curl(f"https://{WWW}:{https.split(':')[1]}/load", "--cacert", str(edge.cluster.authority.ca),
                    "--connect-to", f"::{https}").body == "loaded"
        before = memory_kb(edge.program.pid)
        hold = pathlib.Path(__file__).with_name("hold.py")
        holders += [subprocess.Popen(
            [sys.executable, hold, https, edge.cluster.authority.ca, WWW, str(COUNT // HOLDERS),
             *(f"127.{100 + number}.0.{low}" for low in range(1, 5))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for number in range(HOLDERS)]
        for holder in holders:
            assert int(holder.stdout.readline() or 0) == COUNT // HOLDERS, f"the edge lives: {edge.program.alive()}"
        assert edge.metric("meridian_edge_connections_open") >= COUNT
        each_kb = (memory_kb(edge.program.pid) - before) / COUNT
        print(f"{COUNT} idle TLS connections: {each_kb:.1f} KiB each")
        assert each_kb < KB_EACH
        assert curl(f"{edge.url}/load", "-H", f"Host: {WWW}").body == "loaded", "others are served beside them"
        for holder in holders:
            holder.stdin.write("go on\n")
            holder.stdin.close()
        for holder in holders:
            assert int(holder.stdout.readline() or 0) == COUNT // HOLDERS
            assert holder.wait(30) == 0
        until(lambda: edge.metric("meridian_edge_connections_open") <= 1, "they are all gone")
        assert edge.program.stop() == 0, edge.program.log()[-3000:]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        edge.stop()
