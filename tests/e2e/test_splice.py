# SPDX-License-Identifier: Apache-2.0
"""Large bodies that pass in the kernel's pipes: every byte, every count, and every way to break off."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import threading

import pytest

from cluster import WWW
from one_edge import HOST, OneEdge, rest, was_reset
from origin import plain
from wait import until

PIPES = 4
BIG = random.Random(10).randbytes(24_000_000)
SUM = hashlib.sha256(BIG).hexdigest()
LEAST_PIPE = 256 << 10


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = OneEdge(tmp_path_factory.mktemp("splice"), limits={"splice_pipes": PIPES},
                   timeouts={"client_write": "4s", "linger": "500ms"})
    edge.program.config["access_log"]["template"] = "$target $status $response_body_bytes $reason"
    edge.program.write_config()
    edge.origin.answers["/big"] = plain(BIG)
    edge.origin.answers["/small"] = plain("small")
    yield edge.start()
    edge.stop()


def get(path: str, *lines: bytes, version: bytes = b"1.1") -> bytes:
    return b"GET %s HTTP/%s\r\n%s" % (path.encode(), version, HOST) + b"".join(x + b"\r\n" for x in lines) + b"\r\n"


def pipes_open(edge) -> int:
    """The process's pipes that are too large to be any other."""
    folder, found = pathlib.Path(f"/proc/{edge.program.pid}/fd"), set()
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # it is closed by now
            name = os.readlink(path)
            if not name.startswith("pipe:"):
                continue
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) >= LEAST_PIPE:
                found.add(name)
            os.close(fd)
    return len(found)


def spliced(edge) -> float:
    return edge.metric("meridian_edge_response_spliced_bytes_total")


def curl_sum(url: str, *options: str) -> str:
    done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", *options, url], capture_output=True,
                          timeout=80, check=True)
    return hashlib.sha256(done.stdout).hexdigest()


def read_sum(client, n: int) -> str:
    """The hash of the next n bytes."""
    got = hashlib.sha256(client.left[:n])
    n, client.left = n - len(client.left[:n]), client.left[n:]
    while n:
        piece = client.sock.recv(min(n, 65536))
        if not piece:
            raise EOFError(n)
        got.update(piece)
        n -= len(piece)
    return got.hexdigest()


def log_bytes(edge, path: str) -> tuple[int, str]:
    _, _, n, reason = edge.log_line(path + " ").split(" ", 3)
    return int(n), reason


def test_large_download_is_intact_and_both_connections_serve_on(edge):
    before, origins = spliced(edge), edge.origin.connections
    edge.origin.answers["/whole"] = plain(BIG)
    with edge.client() as client:
        client.sock.sendall(get("/whole") + get("/small") + get("/whole"))  # pipelined
        for body in (BIG, b"small", BIG):
            head = client.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert client.exactly(len(body)) == body
    assert edge.origin.connections <= origins + 1, "the origin's connection was kept"
    assert log_bytes(edge, "/whole") == (len(BIG), "done")
    until(lambda: edge.metric("meridian_edge_requests_open") == 0, "the last is counted")
    assert spliced(edge) - before > len(BIG), "most of it passed in pipes"
    assert 1 <= pipes_open(edge) <= PIPES


def test_slow_reader_gets_all_of_it(edge):
    with edge.client() as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sock.sendall(get("/big"))
        client.until(b"\r\n\r\n")
        assert read_sum(client, len(BIG)) == SUM


def test_client_that_takes_nothing_is_let_go(edge):
    edge.origin.answers["/stuck"] = plain(BIG)
    with edge.client() as client:
        client.sock.sendall(get("/stuck"))
        client.until(b"\r\n\r\n")
        n, reason = log_bytes(edge, "/stuck")
        assert reason == "client-write-timeout" and 0 < n < len(BIG)
        assert len(client.left) <= n, "what is counted has left"


def test_client_that_breaks_off_is_counted_as_far_as_it_was_served(edge):
    edge.origin.answers["/off"] = plain(BIG)
    with edge.client() as client:
        client.sock.sendall(get("/off"))
        client.until(b"\r\n\r\n")
        client.exactly(3_000_000)
    n, reason = log_bytes(edge, "/off")
    assert reason == "client-gone" and 3_000_000 <= n < len(BIG)
    until(lambda: edge.metric("meridian_edge_requests_open") == 0, "nothing is left of it")


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_origin_that_breaks_off_is_an_error_to_the_client(edge, reset):
    path, come = f"/short-{reset}", threading.Event()

    def answer(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BIG) + BIG[:5_000_000])
        if reset:
            come.wait(timeout=10)  # a reset drops what has not come
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise EOFError

    edge.origin.answers[path] = answer
    with edge.client() as client:
        client.sock.sendall(get(path))
        client.until(b"\r\n\r\n")
        assert client.exactly(5_000_000) == BIG[:5_000_000]
        come.set()
        assert rest(client) == b""
    assert log_bytes(edge, path) == (5_000_000, "origin-closed")


def until_close(seen, peer):
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BIG)
    raise EOFError


def test_body_until_close_is_chunked_for_who_understands_it(edge):
    edge.origin.answers["/until-close"] = until_close
    assert curl_sum(f"{edge.url}/until-close", "-H", f"Host: {WWW}") == SUM
    with edge.client() as client:
        client.sock.sendall(get("/until-close") + get("/small"))
        head = client.until(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in head
        got, sizes = hashlib.sha256(), []
        while size := int(client.until(b"\r\n"), 16):
            sizes.append(size)
            got.update(client.exactly(size))
            assert client.exactly(2) == b"\r\n"
        assert client.exactly(2) == b"\r\n"
        assert got.hexdigest() == SUM and max(sizes) > 64 * 1024, "some chunks were pipes"
        assert client.until(b"\r\n\r\nsmall").startswith(b"HTTP/1.1 200 ")


def test_body_until_close_ends_with_the_connection_for_http_1_0(edge):
    edge.origin.answers["/until-close-0"] = until_close
    with edge.client() as client:
        client.sock.sendall(get("/until-close-0", version=b"1.0"))
        client.until(b"\r\n\r\n")
        assert rest(client) == BIG
    assert log_bytes(edge, "/until-close-0") == (len(BIG), "done")


def test_body_until_close_that_is_reset_ends_in_a_reset(edge):
    come = threading.Event()

    def answer(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + BIG[:3_000_000])
        come.wait(timeout=10)
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise EOFError

    edge.origin.answers["/until-reset"] = answer
    with edge.client() as client:
        client.sock.sendall(get("/until-reset", version=b"1.0"))
        client.until(b"\r\n\r\n")
        assert client.exactly(3_000_000) == BIG[:3_000_000]
        come.set()
        assert was_reset(client)


def test_many_at_once_share_the_pipes_and_the_rest_is_copied(edge):
    sums = []

    def download():
        with edge.client(timeout_s=60) as client:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sock.sendall(get("/big"))
            client.until(b"\r\n\r\n")
            begin.wait(timeout=30)
            sums.append(read_sum(client, len(BIG)))

    begin = threading.Barrier(13)
    threads = [threading.Thread(target=download) for _ in range(12)]
    for thread in threads:
        thread.start()
    until(lambda: begin.n_waiting == 12, "all are served")
    until(lambda: pipes_open(edge) == PIPES, "all pipes are in use")
    begin.wait(timeout=30)
    for thread in threads:
        thread.join()
    assert sums == [SUM] * 12
    assert pipes_open(edge) <= PIPES
    assert edge.metric("meridian_edge_requests_open") == 0


def test_http_2_is_served_as_before(edge):
    before = spliced(edge)
    assert curl_sum(f"{edge.url}/big", "--http2-prior-knowledge", "-H", f"Host: {WWW}") == SUM
    assert spliced(edge) == before


def test_tls_is_served_as_before(edge):
    at = edge.cluster.https("eu-west-1")
    before = spliced(edge)
    options = ["--cacert", str(edge.cluster.authority.ca)]
    url = f"https://{WWW}:{at.rsplit(':', 1)[1]}/big"
    for version in ("--http1.1", "--http2"):
        assert curl_sum(url, version, *options, "--connect-to", f"::{at}") == SUM
    assert spliced(edge) == before


def test_reload_turns_it_off_and_on(edge):
    for pipes in (0, PIPES):
        edge.program.config["limits"]["splice_pipes"] = pipes
        edge.program.write_config()
        reloads = edge.metric("meridian_config_reloads_total")
        edge.program.signal(signal.SIGHUP)
        until(lambda: edge.metric("meridian_config_reloads_total") > reloads, "it is read")
        until(lambda: bool(pipes) or pipes_open(edge) == 0, "they are closed")
        before = spliced(edge)
        assert curl_sum(f"{edge.url}/big", "-H", f"Host: {WWW}") == SUM
        until(lambda: edge.metric("meridian_edge_requests_open") == 0, "it is counted")
        assert (spliced(edge) > before) == bool(pipes)
