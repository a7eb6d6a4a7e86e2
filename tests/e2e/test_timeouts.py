# SPDX-License-Identifier: Apache-2.0
"""Every timeout by its name: what the client gets, which word stands in the log, which counter moves. Each is short
here, and each test waits for what must happen, not for a time."""
import contextlib
import select
import socket
import threading

import pytest

from cluster import free_port
from load import reach
from one_edge import HOST, OneEdge, rest, was_reset
from origin import plain
from wait import until

TIMEOUTS = {"client_header": "1s", "client_body": "1s", "client_write": "1s", "keep_alive": "1s",
            "tls_handshake": "1s", "linger": "500ms", "total": "4s"}
POOL = {"connect_timeout": "1s", "send_timeout": "1s", "first_byte_timeout": "1s", "read_timeout": "1s",
        "idle_timeout": "1s", "retries": 0}


class Deaf:
    """Its queue of new connections is full: the next one is neither taken nor refused."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.socks = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(self.listener.getsockname())
            self.socks.append(sock)
        until(lambda: select.select([], self.socks, [], 0)[1], "the queue is full")

    def close(self):
        for sock in [self.listener, *self.socks]:
            sock.close()


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = OneEdge(tmp_path_factory.mktemp("timeouts"), timeouts=TIMEOUTS)
    config = edge.program.config
    edge.deaf = Deaf()
    edge.sink = socket.create_server(("127.0.0.1", 0))  # taken by the kernel, read by nobody
    config["pools"][0].update(POOL)
    origins = config["pools"][0]["origins"]
    config["pools"] += [
        {"name": "deaf", **POOL, "origins": [{"address": edge.deaf.address}]},
        {"name": "dead", **POOL, "origins": [{"address": f"127.0.0.1:{free_port()}"}]},
        {"name": "sink", **POOL, "first_byte_timeout": "60s",
         "origins": [{"address": "127.0.0.1:%d" % edge.sink.getsockname()[1]}]},
        {"name": "patient", "origins": origins}]
    config["services"][0]["routes"] += [
        {"path": {"prefix": f"/{pool['name']}"}, "proxy": {"pool": pool["name"]}} for pool in config["pools"][1:]]
    edge.program.write_config()
    try:
        yield edge.start()
    finally:
        edge.stop()
        edge.deaf.close()
        edge.sink.close()


def request(path: str, *lines: bytes, method: bytes = b"GET") -> bytes:
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, path.encode(), HOST, b"".join(line + b"\r\n" for line in lines))


def reason(edge, path: str) -> str:
    return next(word[7:] for word in edge.log_line(f" {path} ").split() if word.startswith("reason="))


def counter(word: str) -> str:
    return f"meridian_edge_ended_{word.replace('-', '_')}_total"


@contextlib.contextmanager
def counted(edge, word: str):
    before = edge.metric(counter(word))
    yield
    until(lambda: edge.metric(counter(word)) > before, f"{word} is counted")


def waits(seen, peer):
    """Reads the request's head and says nothing, until the edge gives up."""
    while peer.sock.recv(65536):
        pass
    raise EOFError


# -- the client --------------------------------------------------------------------------------------

@pytest.mark.parametrize("part", [b"GET", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_client_header(edge, part):
    with counted(edge, "client-head-timeout"):
        out = edge.ask(part)
    assert out.startswith(b"HTTP/1.1 408 ") and b"Connection: close\r\n" in out


def test_client_header_trickled(edge):
    """A byte now and then is no progress: the whole head has this time."""
    stop = threading.Event()
    with counted(edge, "client-head-timeout"), edge.client() as client:
        def trickle():
            with contextlib.suppress(OSError):
                client.sock.sendall(b"GET / HTTP/1.1\r\nX: ")
                while not stop.wait(0.1):
                    client.sock.sendall(b"x")
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert rest(client).startswith(b"HTTP/1.1 408 ")
        finally:
            stop.set()
            thread.join()


def test_a_client_that_says_nothing_is_closed_without_a_word(edge):
    with counted(edge, "client-head-timeout"):
        assert edge.ask(b"") == b""


def test_client_body(edge):
    edge.origin.answers["/body"] = waits
    out = edge.ask(request("/body", b"Content-Length: 10", method=b"POST") + b"1")
    assert out.startswith(b"HTTP/1.1 408 ") and reason(edge, "/body") == "client-body-timeout"


def test_keep_alive(edge):
    with counted(edge, "client-idle"), edge.client() as client:
        client.sock.sendall(request("/once"))
        client.until(b"\r\n\r\n")
        assert b"408" not in rest(client), "an idle connection ends without a word"


def test_client_write(edge):
    edge.origin.answers["/large"] = plain(b"x" * 20_000_000)
    with contextlib.closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(reach(edge.at))
        sock.sendall(request("/large"))
        assert reason(edge, "/large") == "client-write-timeout"


def test_tls_handshake(edge):
    with counted(edge, "client-tls"), contextlib.closing(
            socket.create_connection(reach(edge.cluster.https("eu-west-1")), timeout=20)) as sock:
        sock.sendall(b"\x16\x03\x01")
        assert sock.recv(100) == b""


def test_linger(edge):
    """After the last response we read on for this time, then the client is told by a reset that we are gone."""
    with edge.client() as client:
        client.sock.sendall(request("/last", b"Connection: close"))
        assert rest(client).startswith(b"HTTP/1.1 200 ")

        def gone():
            try:
                client.sock.sendall(b"x")
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False
        until(gone, "the lingering connection is closed")


def test_total(edge):
    """No other timeout is over: the origin goes on, and does not end."""
    edge.origin.answers["/patient/total"] = waits
    out = edge.ask(request("/patient/total", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 504 ") and reason(edge, "/patient/total") == "total-timeout"


def test_total_in_the_middle_of_a_body(edge):
    def drips(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not select.select([peer.sock], [], [], 0.3)[0]:
            peer.sock.sendall(b"x")
        raise EOFError
    edge.origin.answers["/drips"] = drips
    out = edge.ask(request("/drips", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 200 ") and len(out.partition(b"\r\n\r\n")[2]) < 1000, "it ends broken"
    assert reason(edge, "/drips") == "total-timeout"


# -- the origin --------------------------------------------------------------------------------------

def test_origin_connect(edge):
    out = edge.ask(request("/deaf", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 504 ") and reason(edge, "/deaf") == "origin-connect-timeout"


def test_an_origin_that_refuses_is_no_timeout(edge):
    out = edge.ask(request("/dead", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 502 ") and reason(edge, "/dead") == "origin-connect"


def test_origin_send(edge):
    with edge.client(timeout_s=20) as client:
        def pour():
            with contextlib.suppress(OSError):
                client.sock.sendall(request("/sink", b"Content-Length: 100000000", method=b"POST"))
                for _ in range(1000):
                    client.sock.sendall(b"x" * 100_000)
        thread = threading.Thread(target=pour)
        thread.start()
        try:
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 504 ")
        finally:
            client.sock.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert reason(edge, "/sink") == "origin-send-timeout"


def test_origin_first_byte(edge):
    edge.origin.answers["/silent"] = waits
    out = edge.ask(request("/silent", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 504 ") and reason(edge, "/silent") == "origin-first-byte"


def test_origin_first_byte_counts_until_the_whole_head(edge):
    def half(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nX-Half: ")
        waits(seen, peer)
    edge.origin.answers["/half"] = half
    out = edge.ask(request("/half", b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 504 ") and reason(edge, "/half") == "origin-first-byte"


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_origin_read(edge, version):
    """Part of the body has gone out: all that can be done is not to end it."""
    path = f"/stalls-{version.decode()}"

    def stalls(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        waits(seen, peer)
    edge.origin.answers[path] = stalls
    with edge.client() as client:
        client.sock.sendall(request(path).replace(b"HTTP/1.1", b"HTTP/" + version))
        client.until(b"hello")
        if version == b"1.0":
            assert was_reset(client), "else the end of the connection would be that of the body"
        else:
            assert not rest(client).endswith(b"0\r\n\r\n")
    assert reason(edge, path) == "origin-read-timeout"


def test_origin_idle(edge):
    ended = threading.Event()

    def answers_once(seen, peer):
        peer.sock.sendall(plain("once"))
        if not peer.sock.recv(1):
            ended.set()
        raise EOFError
    edge.origin.answers["/idle"] = answers_once
    assert edge.ask(request("/idle", b"Connection: close")).endswith(b"once")
    assert ended.wait(20), "a kept connection is closed in time"
    until(lambda: edge.metric("meridian_edge_origin_connections_kept") == 0, "none is kept")


def test_what_was_slow_has_left_nothing_open(edge):
    until(lambda: edge.metric("meridian_edge_requests_open") == 0, "no request is open")
    until(lambda: edge.metric("meridian_edge_connections_open") == 0, "no connection is open")
    assert edge.ask(request("/alive", b"Connection: close")).startswith(b"HTTP/1.1 200 ")
