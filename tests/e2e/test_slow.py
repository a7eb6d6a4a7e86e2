# SPDX-License-Identifier: Apache-2.0
"""slowhttptest's three attacks, plain and over TLS, while a good client asks: its every request is answered,
and the attackers are shown out by the timeouts that are for them."""
import contextlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from clients import curl
from cluster import WWW
from load import reach, tls_context
from one_edge import OneEdge
from origin import plain
from wait import until

CONNECTIONS, SECONDS = 200, 15
BIG = b"x" * 2_000_000

ATTACKS = {  # its options, and the counters of ours that must have moved
    "slow heads": (["-H", "-i", "2", "-x", "24"], ["client_head_timeout"]),
    "slow bodies": (["-B", "-i", "5", "-s", "8192", "-x", "10", "-t", "POST"], ["client_body_timeout"]),
    "slow readers": (["-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"], ["client_write_timeout"]),
}


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = OneEdge(tmp_path_factory.mktemp("slow"), timeouts={
        "client_header": "4s", "client_body": "2s", "client_write": "4s", "linger": "500ms"})
    edge.program.config["services"][0]["hosts"].append("*")  # the tool names the address
    edge.program.write_config()
    edge.origin.answers["/big"] = plain(BIG)
    edge.origin.answers["/small"] = plain("loaded")
    yield edge.start()
    edge.stop()


class GoodClient(threading.Thread):
    """Asks every 10 ms, in turn on a kept connection and on a new one."""

    def __init__(self, at: str, tls: ssl.SSLContext | None):
        super().__init__()
        self.at, self.tls, self.stop = reach(at), tls, threading.Event()
        self.times_ms, self.failed = [], []

    def connect(self) -> socket.socket:
        sock = socket.create_connection(self.at, timeout=10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.tls.wrap_socket(sock, server_hostname=WWW) if self.tls else sock

    def ask(self, sock: socket.socket) -> None:
        sock.sendall(b"GET /small HTTP/1.1\r\nHost: " + WWW.encode() + b"\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\r\n\r\nloaded"):
            piece = sock.recv(4096)
            if not piece:
                raise EOFError(answer)
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200 "), answer

    def run(self) -> None:
        kept = self.connect()
        while not self.stop.wait(0.01):
            begun = time.monotonic()
            try:
                self.ask(kept)
                with self.connect() as fresh:
                    self.ask(fresh)
            except (OSError, EOFError, AssertionError) as error:
                self.failed.append(repr(error))
                kept = self.connect()
            self.times_ms.append((time.monotonic() - begun) * 1000)
        kept.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_slow_clients_do_not_stop_others(edge, attack, tls):
    options, reasons = ATTACKS[attack]
    at = edge.cluster.https("eu-west-1") if tls else edge.at
    url = f"{'https' if tls else 'http'}://{at}/big"
    before = {reason: edge.metric(f"meridian_edge_ended_{reason}_total") for reason in reasons}
    good = GoodClient(at, tls_context(edge.cluster.authority.ca) if tls else None)
    good.start()
    try:
        done = subprocess.run(
            ["slowhttptest", *options, "-c", str(CONNECTIONS), "-r", "100", "-l", str(SECONDS), "-p", "3", "-u", url],
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=edge.program.folder)
    finally:
        good.stop.set()
        good.join(30)
    assert "Exit status" in done.stdout, done.stdout[-2000:] + done.stderr
    assert not good.failed, good.failed[:5]
    times = sorted(good.times_ms)
    assert len(times) > 50
    print(f"{attack}, {'TLS' if tls else 'plain'}: {len(times)} good pairs of requests, "
          f"p50 {times[len(times) // 2]:.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms, worst {times[-1]:.1f} ms")
    for reason in reasons:
        assert edge.metric(f"meridian_edge_ended_{reason}_total") > before[reason], f"{reason} is counted"
    until(lambda: edge.metric("meridian_edge_connections_open") == 0, "they are all gone")
    until(lambda: edge.metric("meridian_edge_requests_open") == 0, "nothing is left under way")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An edge that has few buffers; its big answer is larger than what kernels buffer."""
    edge = OneEdge(tmp_path_factory.mktemp("small"), limits={"buffers": "8MiB"})
    edge.program.config["workers"] = 1
    edge.program.write_config()
    edge.origin.answers["/big"] = plain(BIG * 3)
    edge.origin.answers["/small"] = plain("loaded")
    yield edge.start()
    edge.stop()


def test_readers_of_nothing_do_not_keep_the_buffers(small):
    """Each holds little while there is little, small answers pass at all times, and who takes nothing goes first."""
    with contextlib.ExitStack() as stack:
        for _ in range(400):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(reach(small.at))
            sock.sendall(b"GET /big HTTP/1.1\r\nHost: " + WWW.encode() + b"\r\n\r\n")
        until(lambda: small.metric("meridian_edge_requests_open") == 400, "all are waiting for us")
        assert curl(small.url + "/small", "-H", f"Host: {WWW}").body == "loaded"
        answer = curl(small.url + "/big", "-H", f"Host: {WWW}", "-o", "/dev/null", "-w", "%{size_download}\n%{http_code}")
        assert (answer.status, answer.body) == (200, str(3 * len(BIG)))
        assert curl(small.url + "/small", "-H", f"Host: {WWW}").body == "loaded"
        until(lambda: small.metric("meridian_edge_ended_client_write_timeout_total") > 0, "who takes nothing goes")
        assert small.metric("meridian_edge_ended_memory_total") == 0
