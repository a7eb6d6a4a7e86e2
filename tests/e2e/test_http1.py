# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on the wire, both sides byte by byte: trailers, interim responses, limits, and what other proxies
were seen to get wrong."""
import socket
import threading

import pytest

from one_edge import HOST, OneEdge, rest, was_reset
from origin import plain
from wait import until


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = OneEdge(tmp_path_factory.mktemp("http1"), routes=[
        {"path": {"prefix": "/"}, "proxy": {"pool": "app"}},
        {"path": {"prefix": "/held"}, "proxy": {"pool": "app", "buffer_request": "64KiB"}},
        {"path": {"prefix": "/small"}, "max_body": "1KiB", "proxy": {"pool": "app"}},
    ], timeouts={"linger": "500ms"}).start()
    yield edge
    edge.stop()


def get(path: bytes, *lines: bytes, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return b"%s %s HTTP/%s\r\n%s" % (method, path, version, HOST) + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def says(*pieces: bytes, then_close: bool = True):
    """An origin that says this, whatever it was asked."""
    def answer(seen, peer):
        for piece in pieces:
            peer.sock.sendall(piece)
        if then_close:
            raise EOFError
    return answer


# -- trailers --------------------------------------------------------------------------------------

def test_trailers_go_both_ways(edge):
    got = {}

    def answer(seen, peer):
        got["body"] = peer.until(b"0\r\n")
        got["trailers"] = peer.until(b"\r\n\r\n")
        got["te"] = (seen.header("TE"), seen.header("Connection"), seen.header("Trailer"))
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                          b"3\r\nabc\r\n0\r\nX-Sum: 6\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\n\r\n")
    edge.origin.answers["/trailers"] = answer
    with edge.client() as client:
        client.sock.sendall(get(b"/trailers", b"Transfer-Encoding: chunked", b"TE: trailers", b"Trailer: X-Up",
                                b"Connection: TE", method=b"POST") +
                            b"2\r\nhi\r\n0\r\nX-Up: 1\r\nHost: evil\r\nAuthorization: x\r\n\r\n")
        head = client.until(b"\r\n\r\n")
        assert client.until(b"\r\n0\r\n") == b"3\r\nabc\r\n0\r\n"
        assert client.until(b"\r\n\r\n") == b"X-Sum: 6\r\n\r\n", "what is no trailer is dropped (RFC 9110 6.5.1)"
        assert b"Trailer: X-Sum\r\n" in head
        # The connection lives on.
        client.sock.sendall(get(b"/after"))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert got["trailers"] == b"X-Up: 1\r\n\r\n"
    assert got["te"] == ("trailers", "TE", "X-Up")


def test_a_malformed_trailer_breaks_the_response_off(edge):
    edge.origin.answers["/badtrailer"] = says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                              b"3\r\nabc\r\n0\r\nX : 1\r\n\r\n")
    out = edge.ask(get(b"/badtrailer"))
    assert b" 200 " in out and not out.endswith(b"0\r\n\r\n")


# -- interim responses -----------------------------------------------------------------------------

def test_early_hints_pass_and_the_final_response_follows(edge):
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    edge.origin.answers["/hints"] = says(hint, b"HTTP/1.1 100 Continue\r\n\r\n", hint, plain("done"), then_close=False)
    with edge.client() as client:
        client.sock.sendall(get(b"/hints"))
        heads = [client.until(b"\r\n\r\n") for _ in range(3)]
    assert [head.split(b" ")[1] for head in heads] == [b"103", b"103", b"200"]
    assert b"Link: </a.css>; rel=preload\r\n" in heads[0]


def test_a_client_of_http_1_0_gets_no_interim_response(edge):
    edge.origin.answers["/hints10"] = says(b"HTTP/1.1 103 Early Hints\r\n\r\n", plain("done"))
    out = edge.ask(get(b"/hints10", version=b"1.0"))
    assert out.count(b"HTTP/1.1 ") == 1 and out.startswith(b"HTTP/1.1 200 ") and out.endswith(b"done")


def test_ten_interim_responses_are_no_harm_and_a_flood_is_502(edge):
    edge.origin.answers["/ten"] = says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10, plain("done"), then_close=False)
    edge.origin.answers["/flood"] = says(*[b"HTTP/1.1 102 Processing\r\n\r\n" * 1000] * 10)
    with edge.client() as client:
        client.sock.sendall(get(b"/ten"))
        for _ in range(10):
            assert b" 103 " in client.until(b"\r\n\r\n")
        assert b" 200 " in client.until(b"\r\n\r\n")
    assert b"HTTP/1.1 502 " in edge.ask(get(b"/flood", b"Connection: close"))
    large = b"HTTP/1.1 103 Early Hints\r\nX: " + b"x" * 15000 + b"\r\n\r\n"
    edge.origin.answers["/largeflood"] = says(*[large] * 40)
    out = edge.ask(get(b"/largeflood", b"Connection: close"))
    assert b"HTTP/1.1 502 " in out, out[-300:]


# -- what peers get wrong --------------------------------------------------------------------------

BROKEN = {
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
    "list-length": b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
    "signed-length": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
    "huge-length": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\na",
    "unasked-101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "garbage": b"\x00\x01garbage\r\n\r\n",
    "no-version": b"200 OK\r\n\r\n",
    "bad-status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "word-status": b"HTTP/1.1 abc OK\r\n\r\n",
    "low-status": b"HTTP/1.1 099 OK\r\n\r\n",
    "leading-space": b" HTTP/1.1 200 OK\r\n\r\n",
    "nul": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "lf-only": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "both": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "xchunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello",
    "xchunked-alone": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_origin_that_breaks_the_protocol_gives_502(edge, name):
    edge.origin.answers[f"/{name}"] = says(BROKEN[name])
    out = edge.ask(get(f"/{name}".encode(), b"Connection: close"))
    assert out.startswith(b"HTTP/1.1 502 "), out[:200]


CUT = {
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "last": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
    "lf-size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\n\n",
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
}


@pytest.mark.parametrize("name", CUT)
def test_a_response_that_breaks_off_ends_broken_at_the_client(edge, name):
    edge.origin.answers[f"/cut-{name}"] = says(CUT[name])
    out = edge.ask(get(f"/cut-{name}".encode()))
    head, _, body = out.partition(b"\r\n\r\n")
    assert b" 200 " in head
    assert not body.endswith(b"0\r\n\r\n"), "no last chunk may be made up"
    if name == "length":
        assert b"Content-Length: 10" in head and body == b"hello"


def test_a_broken_response_to_http_1_0_is_a_reset(edge):
    """Where the end of the connection ends the body, only a reset can say that it is not whole."""
    read = threading.Event()

    def cut(seen, peer):
        peer.sock.sendall(CUT["last"])
        read.wait(10)
        raise EOFError
    edge.origin.answers["/cut10"] = cut
    with edge.client() as client:
        client.sock.sendall(get(b"/cut10", version=b"1.0"))
        client.until(b"hello")
        read.set()
        assert was_reset(client)
    edge.origin.answers["/whole10"] = says(CUT["last"] + b"0\r\n\r\n")
    with edge.client() as client:
        client.sock.sendall(get(b"/whole10", version=b"1.0"))
        client.until(b"hello")
        assert not was_reset(client)


@pytest.mark.parametrize("end", [b"zz\r\n", b"5\nhello\r\n0\r\n\r\n", b"3\r\nhello\r\n", b"5\r\nhel"],
                         ids=["size", "lf", "long", "short"])
def test_a_broken_upload_is_not_passed_on_as_complete(edge, end):
    got, over = [], threading.Event()

    def answer(seen, peer):
        try:
            while True:
                got.append(peer.exactly(1))
        except (EOFError, OSError):
            over.set()
            raise
    edge.origin.answers["/upload"] = answer
    with edge.client() as client:
        client.sock.sendall(get(b"/upload", b"Transfer-Encoding: chunked", method=b"POST") + b"4\r\ngood\r\n")
        until(lambda: b"good" in b"".join(got), "the good chunk has come")
        client.sock.sendall(end)
        client.sock.shutdown(socket.SHUT_WR)
        assert over.wait(10), "the origin sees the end of the connection"
    assert not b"".join(got).endswith(b"0\r\n\r\n")


def test_what_follows_a_smuggling_attempt_is_not_served(edge):
    before = len(edge.origin.requests("/smuggled"))
    out = edge.ask(get(b"/x", b"Content-Length: 5", b"Transfer-Encoding: chunked", method=b"POST") + b"0\r\n\r\n" +
                   get(b"/smuggled"))
    assert out.startswith(b"HTTP/1.1 400 ") and out.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in out
    assert len(edge.origin.requests("/smuggled")) == before


def test_fields_that_connection_names_stay_here_in_both_directions(edge):
    edge.origin.answers["/hop"] = plain("ok", Connection="X-Back, keep-alive", X_Back="1", Keep_Alive="timeout=5",
                                        X_Stay="1")
    with edge.client() as client:
        client.sock.sendall(get(b"/hop", b"Connection: X-There", b"X-There: 1", b"X-Stay: 1"))
        head = client.until(b"\r\n\r\n")
    seen = edge.origin.requests("/hop")[-1]
    assert seen.header("X-There") is None and seen.header("X-Stay") == "1"
    assert b"X-Back" not in head and b"Keep-Alive" not in head and b"X-Stay: 1" in head


# -- request bodies --------------------------------------------------------------------------------

def test_a_held_body_asks_no_origin_before_it_is_whole(edge):
    edge.origin.answers["/held"] = plain("got it")
    with edge.client() as client:
        client.sock.sendall(get(b"/held", b"Transfer-Encoding: chunked", method=b"POST"))
        for piece in (b"3\r\nabc\r\n", b"2\r\nde\r\n"):
            client.sock.sendall(piece)
            for _ in range(5):  # whatever was on its way has been handled by then
                edge.ask(get(b"/elsewhere", b"Connection: close"))
            assert not edge.origin.requests("/held"), "a slow client holds no origin connection"
        client.sock.sendall(b"0\r\n\r\n")
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    seen = edge.origin.requests("/held")[-1]
    assert seen.body == b"abcde" and seen.header("Content-Length") == "5"
    assert seen.header("Transfer-Encoding") is None


def test_a_held_body_of_many_blocks_arrives_whole(edge):
    data = bytes(i % 251 for i in range(60_000))
    edge.origin.answers["/held/large"] = plain("got it")
    out = edge.ask(get(b"/held/large", b"Content-Length: %d" % len(data), b"Connection: close", method=b"POST") + data)
    assert out.endswith(b"got it")
    assert edge.origin.requests("/held/large")[-1].body == data


def test_a_body_over_the_limit_gets_413_early_or_on_the_way(edge):
    out = edge.ask(get(b"/small", b"Content-Length: 1025", method=b"POST"))
    assert out.startswith(b"HTTP/1.1 413 "), "said by its length"
    for path in (b"/small/chunks", b"/held/chunks"):
        size = 2000 if path == b"/small/chunks" else 70_000
        out = edge.ask(get(path, b"Transfer-Encoding: chunked", method=b"POST") + b"%x\r\n" % size + b"x" * size)
        assert out.startswith(b"HTTP/1.1 413 "), path
    edge.origin.answers["/small/fits"] = plain("ok")
    out = edge.ask(get(b"/small/fits", b"Content-Length: 1024", b"Connection: close", method=b"POST") + b"x" * 1024)
    assert out.startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_comes_before_the_body_has_gone_is_not_lost(edge):
    """The origin answers, closes with unread bytes, and so resets what we still write to it."""
    def early(seen, peer):
        peer.sock.sendall(plain("too large", "413 Content Too Large", Connection="close"))
        peer.exactly(100_000)
        raise EOFError
    edge.origin.answers["/early413"] = early
    for _ in range(5):
        with edge.client() as client:
            client.sock.sendall(get(b"/early413", b"Content-Length: 10000000", method=b"POST"))
            try:
                for _ in range(40):
                    client.sock.sendall(b"x" * 65536)
            except OSError:
                pass
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 413 ")
            assert client.exactly(9) == b"too large"


# -- ends ------------------------------------------------------------------------------------------

def test_a_client_that_has_half_closed_gets_all_its_answers(edge):
    edge.origin.answers["/one"], edge.origin.answers["/two"] = plain("one"), plain("two")
    with edge.client() as client:
        client.sock.sendall(get(b"/one") + get(b"/two"))
        client.sock.shutdown(socket.SHUT_WR)
        out = rest(client)
    assert out.index(b"one") < out.index(b"two")


def test_the_last_response_is_not_lost_to_what_the_client_still_sends(edge):
    """RFC 9112 9.6: a close with unread bytes would be a reset, and the response would be gone."""
    edge.origin.answers["/last"] = plain("last words", Connection="close")
    for _ in range(5):
        with edge.client() as client:
            client.sock.sendall(get(b"/last", b"Connection: close") + b"x" * 200_000)
            assert rest(client).endswith(b"last words")


def test_pipelined_requests_with_bodies_keep_their_order(edge):
    requests = b""
    for number in range(20):
        edge.origin.answers[f"/p{number}"] = plain(f"<{number}>")
        body = b"x" * number
        requests += get(b"/p%d" % number, b"Content-Length: %d" % number, method=b"POST") + body
    for _ in range(60):  # the end may come before, between and behind any of them
        with edge.client() as client:
            client.sock.sendall(requests)
            client.sock.shutdown(socket.SHUT_WR)
            out = rest(client)
        places = [out.find(b"<%d>" % number) for number in range(20)]
        assert places[0] > 0 and places == sorted(places), out


def test_a_refusal_to_grpc_is_a_status_of_grpc(edge):
    out = edge.ask(get(b"/small", b"Content-Type: application/grpc+proto", b"Content-Length: 9999", b"Connection: close",
                       method=b"POST"))
    head = out.partition(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 200 ") and b"Content-Type: application/grpc" in head
    assert b"grpc-status: 2" in head and b"grpc-message: " in head


def test_heads_that_never_end_do_not_stop_others(edge):
    """slowhttptest's first attack: each holds a connection, none a block of 16 KiB."""
    socks = []
    try:
        host, port = edge.at.rsplit(":", 1)
        for _ in range(300):
            sock = socket.create_connection((host, int(port)), timeout=10)
            sock.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
            socks.append(sock)
        edge.origin.answers["/alive"] = plain("alive")
        assert edge.ask(get(b"/alive", b"Connection: close")).endswith(b"alive")
    finally:
        for sock in socks:
            sock.close()
