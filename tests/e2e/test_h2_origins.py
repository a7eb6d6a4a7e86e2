# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 to origins: an edge behind an edge, in cleartext and over TLS; and an origin that answers frame by
frame what it should and what it should not."""
import hashlib
import re
import socket
import struct
import subprocess
import threading

import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, PushPromiseFrame, WindowUpdateFrame

from clients import CurlAnswer, curl
from cluster import WWW, free_port
from h2_origin import H2Origin
from h2_wire import CANCEL, INTERNAL_ERROR, REFUSED_STREAM, SETTING_INITIAL_WINDOW, continuation, reset
from one_edge import HOST, OneEdge, rest
from program import Program
from wait import until
from websocket_key import KEY, accept_for

SETTING_MAX_STREAMS = 3
BIG = bytes(range(256)) * 12_000
WAYS = {  # a pool, and what is spoken to its origin
    "h2c": "2.0", "h2": "2.0", "auto": "2.0", "auto-h1": "1.1"}


class Chain(OneEdge):
    """`back` is the origin of the edge's pools; the scripted origin stands behind both."""

    def __init__(self, folder):
        super().__init__(folder)
        ports = {name: f"127.0.0.1:{free_port()}" for name in ("http", "https", "https1", "admin")}
        self.back_admin = ports.pop("admin")
        tls = {"certificates": [self.cluster.certificate]}
        self.back = Program("back", "meridian-edge", {
            "node": {"name": "back", "region": "eu-west"}, "workers": 1, "admin": {"listen": self.back_admin},
            "forwarded": {"via": "back"}, "timeouts": {"drain_notice": "0s"},
            "listeners": [{"name": "http", "address": ports["http"]},
                          {"name": "https", "address": ports["https"], "tls": tls},
                          {"name": "https1", "address": ports["https1"], "http": "http1", "tls": tls}],
            "pools": [{"name": "app", "origins": [{"address": self.origin.address}]}],
            "services": [{"name": "web", "hosts": ["*"], "routes": [
                {"path": {"prefix": "/"}, "proxy": {"pool": "app"}}]}]}, folder)
        verify = {"ca": str(self.cluster.authority.ca), "server_name": WWW}
        self.pool("h2c", "http2", ports["http"])
        self.pool("h2", "http2", ports["https"], verify)
        self.pool("auto", "auto", ports["https"], verify)
        self.pool("auto-h1", "auto", ports["https1"], verify)
        self.pool("h2-only", "http2", ports["https1"], verify)
        self.program.write_config()
        self.origin.answers["/echo"] = self.echo

    def pool(self, name, protocol, address, tls=None):
        pool = {"name": name, "protocol": protocol, "origins": [{"address": address}]}
        self.program.config["pools"].append({**pool, "tls": tls} if tls else pool)
        self.program.config["services"].append(
            {"name": name, "hosts": [f"{name}.meridian.example"], "routes": [
                {"path": {"prefix": "/"}, "proxy": {"pool": name}}]})

    @staticmethod
    def echo(seen, peer):
        body = peer.body(seen.headers)
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def get(self, way: str, path: str, *options: str) -> CurlAnswer:
        return curl(self.url + path, "-H", f"Host: {way}.meridian.example", *options)

    def back_metric(self, name: str) -> float:
        text = curl(f"http://{self.back_admin}/metrics").body
        return sum(map(float, re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    chain = Chain(tmp_path_factory.mktemp("chain"))
    try:
        chain.back.start()
        yield chain.start()
    finally:
        chain.back.kill()
        chain.stop()


# -- an edge behind an edge ------------------------------------------------------------------------

@pytest.mark.parametrize("way", WAYS)
def test_the_protocol_is_the_one_that_was_asked_for(chain, way):
    path = f"/protocol/{way}"
    assert chain.get(way, path).status == 200
    vias = chain.origin.requests(path)[-1].all("Via")
    assert vias == ["1.1 meridian", f"{WAYS[way]} back"]
    assert chain.origin.requests(path)[-1].header("Host") == f"{way}.meridian.example"


def test_an_origin_that_does_not_speak_what_is_demanded_is_502(chain):
    assert chain.get("h2-only", "/").status == 502


@pytest.mark.parametrize("way", WAYS)
def test_large_bodies_go_both_ways(chain, way, tmp_path):
    path = tmp_path / "body"
    path.write_bytes(BIG)
    for options in ([], ["-H", "Transfer-Encoding: chunked"]):
        out = tmp_path / "out"
        answer = chain.get(way, "/echo", "--data-binary", f"@{path}", "-o", str(out), *options)
        assert answer.status == 200, answer
        assert hashlib.sha256(out.read_bytes()).digest() == hashlib.sha256(BIG).digest()


@pytest.mark.parametrize("way", ["h2c", "h2"])
def test_many_requests_share_a_connection(chain, way):
    assert chain.get(way, "/").status == 200
    before = chain.back_metric("meridian_edge_connections_total")
    done = subprocess.run(["h2load", "-n", "3000", "-c", "4", "-m", "10", "-H", f":authority: {way}.meridian.example",
                           chain.url + "/load"], capture_output=True, text=True, timeout=60)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
    assert "status codes: 3000 2xx" in done.stdout, done.stdout
    assert chain.back_metric("meridian_edge_connections_total") - before <= 4


@pytest.mark.parametrize("way", ["h2c", "h2"])
def test_trailers_go_through_both(chain, way):
    chain.origin.answers["/trailers"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 17\r\n\r\n")
    with chain.client() as client:
        client.sock.sendall(b"GET /trailers HTTP/1.1\r\nHost: " + way.encode() +
                            b".meridian.example\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n")
        answer = rest(client).lower()
    assert b"body" in answer and answer.endswith(b"\r\n0\r\nx-sum: 17\r\n\r\n"), answer


def talk(chain, way: str, n: int) -> list[bytes]:
    """WebSocket handshakes one after the other; their heads."""
    def answer(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                          b"Sec-WebSocket-Accept: " + accept_for(seen.header("Sec-WebSocket-Key").encode()) +
                          b"\r\n\r\n")
        peer.sock.sendall(b"you said " + peer.exactly(5))
        raise EOFError
    chain.origin.answers["/ws"] = answer
    heads = []
    for _ in range(n):
        with chain.client() as client:
            client.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: " + way.encode() + b".meridian.example\r\n"
                                b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                b"Sec-WebSocket-Key: " + KEY + b"\r\n\r\n")
            heads.append(client.until(b"\r\n\r\n"))
            if b" 101 " in heads[-1]:
                client.sock.sendall(b"hello")
                assert rest(client) == b"you said hello"
    return heads


@pytest.mark.parametrize("way", ["h2c", "h2"])
def test_a_websocket_goes_through_both(chain, way):
    assert chain.get(way, "/").status == 200
    for head in talk(chain, way, 3):
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: " + accept_for(KEY) in head, head


def test_an_origin_that_dies_is_502_and_serves_again_when_it_is_back(tmp_path):
    chain = Chain(tmp_path)
    try:
        chain.back.start()
        chain.start()
        for way in ("h2c", "h2"):
            assert chain.get(way, "/").status == 200
        chain.back.kill()
        for way in ("h2c", "h2"):
            assert chain.get(way, "/").status == 502
        chain.back.start()
        for way in ("h2c", "h2"):
            until(lambda: chain.get(way, "/").status == 200, f"{way} serves again")
        chain.back.stop()
        chain.back.start()
        for way in ("h2c", "h2"):  # the first on a connection: before the origin has said that it takes tunnels
            heads = []
            until(lambda: heads.extend(talk(chain, way, 1)) or b" 101 " in heads[-1], f"{way} has tunnels again")
            assert not any(b" 501 " in head for head in heads), heads
        assert chain.back.stop() == 0, chain.back.log()[-3000:]
        assert chain.program.stop() == 0, chain.program.log()[-3000:]
    finally:
        chain.back.kill()
        chain.stop()


# -- an origin that is told what to say ------------------------------------------------------------

@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    origin = H2Origin()
    edge = OneEdge(tmp_path_factory.mktemp("wire"))
    edge.program.config["pools"][0].update(
        {"protocol": "http2", "origins": [{"address": origin.address}]})
    edge.program.write_config()
    try:
        yield origin, edge.start()
    finally:
        edge.stop()
        origin.stop()


def get(edge, path: str, *options: str) -> CurlAnswer:
    return curl(edge.url + path, "-H", f"Host: {WWW}", *options)


def warm(edge) -> None:
    assert get(edge, "/warm").status == 200


def test_a_request_has_the_form_of_http_2(wire):
    origin, edge = wire
    assert get(edge, "/form?q=1", "-H", "Connection: X-Gone", "-H", "X-Gone: 1", "-H", "X-Kept: 1").body == "fine"
    head = next(head for head in origin.heads if head[":path"] == "/form?q=1")
    assert (head[":method"], head[":scheme"], head[":authority"]) == ("GET", "http", WWW)
    assert head["x-kept"] == "1" and head["x-forwarded-for"] == "127.0.0.1"
    assert not {"connection", "x-gone", "host", "keep-alive", "transfer-encoding"} & head.keys(), head


def test_a_refused_stream_is_tried_again(wire):
    """RFC 9113 8.7: it was not acted on, whatever its method."""
    origin, edge = wire
    origin.answers["/refused"] = lambda conn, number: (
        conn.say(reset(number, REFUSED_STREAM)) if origin.count("/refused") == 1 else conn.answer(number))
    warm(edge)
    assert get(edge, "/refused", "-X", "POST").status == 200
    assert origin.count("/refused") == 2


def test_what_a_goaway_leaves_out_is_tried_again_elsewhere(wire):
    origin, edge = wire

    def goes(conn, number):
        if origin.count("/goes") == 1:
            conn.say(GoAwayFrame(0, last_stream_id=number - 2))
        else:
            conn.answer(number)
    origin.answers["/goes"] = goes
    warm(edge)
    assert get(edge, "/goes").status == 200
    assert origin.count("/goes") == 2
    assert len({id(conn) for conn in origin.conns}) >= 2


def test_what_a_goaway_leaves_in_is_finished_and_the_next_goes_elsewhere(wire):
    origin, edge = wire

    used = []

    def last(conn, number):
        used.append(conn)
        conn.say(GoAwayFrame(0, last_stream_id=number), conn.head_of(number, (":status", "200")))
        conn.say(DataFrame(number, b"whole", flags=["END_STREAM"]))
    origin.answers["/last"] = last
    warm(edge)
    assert get(edge, "/last").body == "whole"
    assert origin.count("/last") == 1
    n_streams = len(used[0].streams)
    warm(edge)
    assert len(used[0].streams) == n_streams


def test_a_reset_that_may_have_been_acted_on_is_not_tried_again(wire):
    origin, edge = wire
    origin.answers["/reset"] = lambda conn, number: conn.say(reset(number, INTERNAL_ERROR))
    warm(edge)
    assert get(edge, "/reset").status == 502
    assert origin.count("/reset") == 1


def test_a_reset_in_the_middle_never_looks_whole(wire):
    origin, edge = wire
    origin.answers["/half"] = lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200")), DataFrame(number, b"half"), reset(number, INTERNAL_ERROR))
    answer = get(edge, "/half")
    assert answer.exit == 18 or answer.status == 502, answer  # 18: it ended before its end
    length = [(":status", "200"), ("content-length", "9")]
    origin.answers["/short"] = lambda conn, number: conn.say(
        conn.head_of(number, *length), DataFrame(number, b"half", flags=["END_STREAM"]))
    answer = get(edge, "/short")
    assert answer.exit == 18 or answer.status == 502, answer


def many_continuations(conn, number):
    head = conn.head_of(number, (":status", "200"))
    head.flags.discard("END_HEADERS")
    conn.say(head, *(continuation(number, b"") for _ in range(1000)))


def bomb(conn, number):
    """One field of 3 KiB, then 2,000 references to it."""
    block = conn.encoder.encode([(":status", "200"), ("x-bomb", "x" * 3000)])
    again = conn.encoder.encode([("x-bomb", "x" * 3000)])
    head = conn.head_of(number)
    head.data = block + again * 2000
    conn.say(head)


WRONG = {
    "no-status": lambda conn, number: conn.say(conn.head_of(number, ("x", "1"), end=True)),
    "two-statuses": lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200"), (":status", "200"), end=True)),
    "status-of-letters": lambda conn, number: conn.say(conn.head_of(number, (":status", "2xx"), end=True)),
    "upper-case": lambda conn, number: conn.say(conn.head_of(number, (":status", "200"), ("X-Upper", "1"), end=True)),
    "connection": lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200"), ("connection", "close"), end=True)),
    "transfer-encoding": lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200"), ("transfer-encoding", "chunked"), end=True)),
    "line-break": lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200"), ("x", "1\r\nset-cookie: a"), end=True)),
    "two-lengths": lambda conn, number: conn.say(
        conn.head_of(number, (":status", "200"), ("content-length", "1"), ("content-length", "2"))),
    "late-pseudo": lambda conn, number: conn.say(conn.head_of(number, ("x", "1"), (":status", "200"), end=True)),
    "data-first": lambda conn, number: conn.say(DataFrame(number, b"body", flags=["END_STREAM"])),
    "interim-that-ends": lambda conn, number: conn.say(conn.head_of(number, (":status", "103"), end=True)),
    "101": lambda conn, number: conn.say(conn.head_of(number, (":status", "101"))),
    "interims": lambda conn, number: conn.say(*(conn.head_of(number, (":status", "103")) for _ in range(100))),
    "push": lambda conn, number: conn.say(
        PushPromiseFrame(number, 2, conn.encoder.encode([(":method", "GET")]), flags=["END_HEADERS"])),
    "bad-coding": lambda conn, number: conn.say(b"\0\0\x02\x01\x05" + struct.pack(">I", number) + b"\xff\xff"),
    "window-overflow": lambda conn, number: conn.say(WindowUpdateFrame(0, 0x7fffffff)),
    "window-of-stream": lambda conn, number: conn.say(WindowUpdateFrame(number, 0x7fffffff)),
    "frame-too-large": lambda conn, number: conn.say(b"\x01\0\0\0\0" + struct.pack(">I", number) + b"x" * 65536),
    "stream-that-is-not": lambda conn, number: conn.say(conn.head_of(number + 100, (":status", "200"), end=True)),
    "not-http-2": lambda conn, number: conn.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "continuations": many_continuations,
    "bomb": bomb,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_502_and_the_next_is_served(wire, name):
    origin, edge = wire
    origin.answers[f"/{name}"] = WRONG[name]
    warm(edge)
    answer = get(edge, f"/{name}")
    assert answer.status == 502 and "set-cookie" not in answer.body, answer
    warm(edge)
    until(lambda: edge.metric("meridian_edge_requests_open") == 0, "nothing is left under way")


def test_an_interim_answer_passes(wire):
    origin, edge = wire
    origin.answers["/hints"] = lambda conn, number: (
        conn.say(conn.head_of(number, (":status", "103"), ("link", "</a>"))), conn.answer(number))
    answer = edge.ask(b"GET /hints HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 103 ") and b"HTTP/1.1 200 " in answer and b"fine" in answer


def test_a_client_that_goes_cancels_the_stream_alone(wire):
    origin, edge = wire
    came = threading.Event()
    origin.answers["/waits"] = lambda conn, number: came.set()
    warm(edge)
    with edge.client() as client:
        client.sock.sendall(b"GET /waits HTTP/1.1\r\n" + HOST + b"\r\n")
        assert came.wait(10)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a FIN would not be going
    conn = origin.conns[-1]
    until(lambda: any(stream.reset == CANCEL for stream in list(conn.streams.values())), "the origin hears of it")
    n = len(origin.conns)
    warm(edge)
    assert len(origin.conns) == n, "the connection goes on"


@pytest.fixture
def narrow(tmp_path):
    """An origin that takes one request at a time on a connection, and a hundred bytes of a body."""
    origin = H2Origin({SETTING_MAX_STREAMS: 1, SETTING_INITIAL_WINDOW: 100})
    edge = OneEdge(tmp_path)
    edge.program.config["pools"][0].update({"protocol": "http2", "origins": [{"address": origin.address}]})
    edge.program.write_config()
    try:
        yield origin, edge.start()
    finally:
        edge.stop()
        origin.stop()


def test_what_an_origin_allows_is_kept(narrow):
    origin, edge = narrow
    warm(edge)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(get(edge, "/up", "--data-binary", "x" * 5000)))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status for answer in answers] == [200] * 8, answers
    assert [body for head, body in zip(origin.heads, origin.bodies) if head[":path"] == "/up"] == [b"x" * 5000] * 8
    assert max(conn.most_open for conn in origin.conns) == 1
