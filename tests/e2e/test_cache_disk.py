# SPDX-License-Identifier: Apache-2.0
"""What is stored outlives the process: by a stop, by kill -9 in the middle of writing, by purges in between; and a disk
that cannot be used is done without."""
import hashlib
import random
import signal
import threading

import pytest

from one_edge import HOST, OneEdge
from origin import plain
from program import run_tool
from wait import until

KILLS = 50
SIZES = [0, 10, 1000, 5000, 70_000, 300_000, 1_500_000]


def body_of(path: str) -> bytes:
    """Each path has a body of its own, for ever: whoever gets another sees it."""
    n = int(path.rsplit("/", 1)[1])
    seed = hashlib.sha256(path.encode()).digest()
    return (seed * (SIZES[n % len(SIZES)] // len(seed) + 1))[:SIZES[n % len(SIZES)]]


class Answers(dict):
    def get(self, path, default=None):
        if not path.startswith("/c/"):
            return default
        fields = {"Cache-Control": "max-age=3600"}
        if path.startswith("/c/tag"):
            fields["Surrogate-Key"] = "tag"
        if path.startswith("/c/vary"):
            fields["Vary"] = "X-Kind"
        return plain(body_of(path), **fields)


class Stored(OneEdge):
    def __init__(self, folder, disk=None):
        routes = [{"path": {"prefix": "/"}, "proxy": {"pool": "app"}},
                  {"path": {"prefix": "/c/"}, "proxy": {"pool": "app"}, "cache": {"store": "main"}}]
        super().__init__(folder, routes)
        self.program.config["workers"] = 2
        self.program.config["stores"] = [
            {"name": "main", "memory": "16MiB", "disk": {"path": str(disk or folder / "disk"), "size": "256MiB"}}]
        self.socket = folder / "admin.sock"
        self.program.config["admin"]["socket"] = str(self.socket)
        self.program.write_config()
        self.origin.answers = Answers()

    def purge(self, *what: str) -> None:
        run_tool("meridianctl", "purge", *what, "--admin", f"unix:{self.socket}")

    def get(self, path: str, *fields: str) -> tuple[int, dict[str, str], bytes]:
        with self.client() as peer:
            lines = "".join(f + "\r\n" for f in fields).encode()
            peer.sock.sendall(b"GET %s HTTP/1.1\r\n" % path.encode() + HOST + lines + b"\r\n")
            head = peer.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            got = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            return int(head[0].split()[1]), got, peer.exactly(int(got["content-length"]))

    def is_hit(self, path: str, *fields: str) -> bool:
        status, got, body = self.get(path, *fields)
        assert status == 200 and body == body_of(path), path
        return "; hit" in got["cache-status"]

    def disk_is_on(self):
        until(lambda: self.metric("meridian_cache_disk_on") == 1, "the disk is on")

    def written(self, n: int):
        until(lambda: self.metric("meridian_cache_disk_records") >= n, f"{n} records are on disk")

    def again(self):
        self.program.start()
        self.disk_is_on()


@pytest.fixture
def edge(tmp_path):
    edge = Stored(tmp_path)
    edge.start()
    edge.disk_is_on()
    yield edge
    edge.stop()


def test_what_was_stored_is_found_after_a_stop_and_after_a_kill(edge):
    paths = [f"/c/a/{i}" for i in range(len(SIZES))]
    assert not any(edge.is_hit(path) for path in paths)
    edge.written(len(paths))
    edge.program.kill()
    edge.again()
    assert all(edge.is_hit(path) for path in paths)
    edge.program.stop()
    edge.again()
    n = len(edge.origin.requests("/c/a/1"))
    assert all(edge.is_hit(path) for path in paths)
    assert len(edge.origin.requests("/c/a/1")) == n == 1


def test_variants_are_found_after_a_kill(edge):
    for kind in ("a", "b"):
        assert not edge.is_hit("/c/vary/1", f"X-Kind: {kind}")
    edge.written(3)  # both, and the names that they vary by
    edge.program.kill()
    edge.again()
    assert edge.is_hit("/c/vary/1", "X-Kind: a") and edge.is_hit("/c/vary/1", "X-Kind: b")
    assert not edge.is_hit("/c/vary/1", "X-Kind: c")


@pytest.mark.parametrize("purge", [["--tag", "tag"], ["--all"], ["--prefix", "//www.meridian.example/c/tag"]])
def test_a_purge_holds_after_a_kill(edge, purge):
    assert not edge.is_hit("/c/tag/1")
    edge.written(1)
    edge.purge(*purge)
    edge.program.kill()
    edge.again()
    assert not edge.is_hit("/c/tag/1")


def test_a_folder_that_cannot_be_used_is_done_without(tmp_path):
    (tmp_path / "file").write_text("no folder")
    edge = Stored(tmp_path, tmp_path / "file" / "disk")
    edge.start()
    try:
        assert not edge.is_hit("/c/a/1") and edge.is_hit("/c/a/1")
        assert "cache.disk" in edge.program.log()
    finally:
        edge.stop()


def test_nothing_wrong_is_served_after_fifty_kills(edge):
    rng = random.Random(4)
    for _ in range(KILLS):
        ends = threading.Event()

        def ask(seed):
            mine = random.Random(seed)
            while not ends.is_set():
                try:
                    edge.get(f"/c/k/{mine.randrange(400)}")
                except (OSError, EOFError):
                    return  # killed

        threads = [threading.Thread(target=ask, args=(rng.random(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        ends.wait(rng.uniform(0.02, 0.2))
        edge.program.signal(signal.SIGKILL)
        edge.program.kill()
        ends.set()
        for thread in threads:
            thread.join()
        edge.again()
    hits = sum(edge.is_hit(f"/c/k/{i}") for i in range(400))
    assert hits > 100, "most of what was written is still there"
