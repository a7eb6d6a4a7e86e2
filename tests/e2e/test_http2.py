# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 with clients: judged by curl and h2load, and by a client that breaks the rules frame by frame."""
import re
import signal
import ssl
import statistics
import struct
import subprocess
import threading
import time

import pytest
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame, PriorityFrame, SettingsFrame

from cluster import WWW
from clients import curl
from h2_wire import (CANCEL, ENHANCE_YOUR_CALM, H2, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM,
                     SETTING_INITIAL_WINDOW, continuation, reset, window_update)
from one_edge import OneEdge
from origin import plain
from wait import until

LARGE = 3 << 20
ROUTES = [
    {"path": {"prefix": "/"}, "proxy": {"pool": "app"}},
    {"path": {"prefix": "/here"}, "respond": {"status": 200, "body": "here\n"}},
]


class H2Edge(OneEdge):
    def __init__(self, folder, **sections):
        super().__init__(folder, routes=ROUTES, **sections)
        self.tls_at = self.cluster.https("eu-west-1")
        self.ca = str(self.cluster.authority.ca)
        self.origin.answers["/large"] = plain(b"0123456789abcdef" * (LARGE // 16))

    def h2(self, **words) -> H2:
        return H2(self.at, **words)

    def abuse(self) -> float:
        return self.metric("meridian_edge_ended_client_abuse_total")

    def rss_kb(self) -> int:
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = H2Edge(tmp_path_factory.mktemp("http2"), timeouts={"linger": "500ms"}).start()
    yield edge
    edge.stop()


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Short deadlines, small budgets."""
    edge = H2Edge(tmp_path_factory.mktemp("strict"),
                  timeouts={"linger": "500ms", "client_write": "1s", "client_body": "1s", "client_header": "1s"},
                  http2={"resets": 50, "resets_per_s": 5, "control_frames": 300, "control_frames_per_s": 100}).start()
    yield edge
    edge.stop()


# -- real clients ----------------------------------------------------------------------------------

@pytest.mark.parametrize("way", ["tls", "prior knowledge"])
def test_curl_speaks_http_2(edge, way):
    if way == "tls":
        where = [f"https://{WWW}:{edge.tls_at.rsplit(':', 1)[1]}/large", "--http2", "--cacert", edge.ca,
                 "--connect-to", f"::{edge.tls_at}"]
    else:
        where = [f"http://{edge.at}/large", "--http2-prior-knowledge", "-H", f"Host: {WWW}"]
    answer = curl(*where, "-o", "/dev/null", "-w", "%{http_version} %{size_download}\n%{http_code}")
    assert (answer.status, answer.exit) == (200, 0) and answer.body == f"2 {LARGE}", answer


def test_one_port_speaks_both_versions(edge):
    assert curl(f"{edge.url}/here", "-H", f"Host: {WWW}", "-w", " %{http_version}\n%{http_code}").body == "here\n 1.1"
    assert edge.h2().get("/here").body == b"here\n"


@pytest.mark.parametrize("path,n", [("/here", 20000), ("/", 2000)])
def test_h2load_sees_no_failure(edge, path, n):
    done = subprocess.run(["h2load", "-n", str(n), "-c", "10", "-m", "32", "-H", f":authority: {WWW}",
                           f"{edge.url}{path}"], capture_output=True, text=True, timeout=120)
    assert f"{n} succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr


def test_h2load_with_wide_windows_and_large_bodies_sees_no_failure(edge):
    """Nothing comes from the client while bodies go: each turn must see to the next by itself."""
    done = subprocess.run(["h2load", "-n", "60", "-c", "2", "-m", "16", "-w", "30", "-W", "30", "-H",
                           f":authority: {WWW}", f"{edge.url}/large"], capture_output=True, text=True, timeout=120)
    assert "60 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr


# -- the message -----------------------------------------------------------------------------------

def test_a_request_reaches_an_origin_of_http_1_1_in_its_form(edge):
    with edge.h2() as client:
        answer = client.get("/form?a=b", "POST", ("cookie", "a=1"), ("cookie", "b=2"), ("x-mixed", "v"),
                            ("te", "trailers"), body=b"hello")
    seen = edge.origin.requests("/form")[-1]
    assert answer.status == 200 and seen.line == "POST /form?a=b HTTP/1.1" and seen.body == b"hello"
    assert seen.all("Host") == [WWW] and seen.all("Cookie") == ["a=1; b=2"] and seen.header("x-mixed") == "v"
    assert not [key for key, _ in seen.headers if key.startswith(":")]


def test_trailers_go_both_ways(edge):
    got = {}

    def answer(seen, peer):
        got["te"] = seen.header("TE")
        while (size := int(peer.until(b"\r\n"), 16)) > 0:
            peer.exactly(size + 2)
        got["trailers"] = peer.until(b"\r\n")
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Out\r\n\r\n"
                          b"4\r\nbody\r\n0\r\nX-Out: 2\r\nContent-Length: 9\r\n\r\n")
        raise EOFError
    edge.origin.answers["/trailers"] = answer
    with edge.h2() as client:
        stream = client.ask("/trailers", "POST", ("te", "trailers"), end=False)
        client.data(stream, b"some body")
        client.say(client.head(client.encoder.encode([("x-in", "1"), ("host", "other")]), True, stream))
        result = client.result(stream)
    assert got["trailers"].lower() == b"x-in: 1\r\n"
    assert (result.body, result.trailers, result.reset) == (b"body", {"x-out": "2"}, None)


@pytest.mark.parametrize("method,status", [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")])
def test_answers_without_a_body_end_with_their_head(edge, method, status):
    edge.origin.answers["/bare"] = f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode() if status[0] != "2" or "204" in \
        status else plain("body\n")
    with edge.h2() as client:
        result = client.get("/bare", method)
    assert (result.status, result.body, result.ended, result.reset) == (int(status[:3]), b"", True, None)


def test_interim_answers_pass_and_100_is_given_when_asked(edge):
    def answer(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.sock.sendall(plain(peer.body(seen.headers)))
        raise EOFError
    edge.origin.answers["/hints"] = answer
    with edge.h2() as client:
        stream = client.ask("/hints", "POST", ("expect", "100-continue"), ("content-length", "3"), end=False)
        client.until(lambda: client.streams[stream].heads)
        assert client.streams[stream].heads[0][":status"] in ("100", "103")
        client.data(stream, b"abc", end=True)
        result = client.result(stream)
    assert result.body == b"abc" and "103" in [head.get(":status") for head in result.heads]


def test_fields_of_a_connection_to_an_origin_stay_here(edge):
    edge.origin.answers["/hop"] = plain("body\n", Connection="keep-alive, X-Hop", X_Hop="1", Keep_Alive="timeout=5",
                                        Proxy_Connection="keep-alive", Upgrade="h2c", X_Kept="Yes")
    with edge.h2() as client:
        head = client.get("/hop").head
    assert head["x-kept"] == "Yes" and not {"connection", "x-hop", "keep-alive", "proxy-connection", "upgrade",
                                            "transfer-encoding"} & head.keys(), head
    assert all(name == name.lower() for name in head)


@pytest.mark.parametrize("fields,status", [
    ([(":method", "CONNECT"), (":authority", "other.example:443")], 405),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "unknown.example")], 421),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/here"), ("host", WWW)], 200),
    ([(":method", "GET"), (":scheme", "https"), (":path", "/here"), (":authority", WWW.upper() + ":80")], 200),
])
def test_what_is_asked_for_decides_the_answer(edge, fields, status):
    with edge.h2() as client:
        stream = client.ask_raw(*fields)
        assert client.result(stream).status == status


@pytest.mark.parametrize("cut", [
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",  # the end is missing
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    b"Content-Length: 10\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nBad Trailer: x\r\n\r\n",
])
def test_a_response_that_breaks_off_is_a_reset(edge, cut):
    def answer(_, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n" + cut)
        raise EOFError
    edge.origin.answers["/cut"] = answer
    with edge.h2() as client:
        result = client.get("/cut")
        assert not result.ended and result.reset == INTERNAL_ERROR, result
        assert client.get("/here").status == 200


def test_an_answer_before_the_body_ends_is_whole_and_asks_for_no_more(edge):
    def early(_, peer):
        peer.sock.sendall(plain("no\n", "403 Forbidden", Connection="close"))
        raise EOFError
    edge.origin.answers["/early"] = early
    with edge.h2() as client:
        stream = client.ask("/early", "POST", end=False)
        client.data(stream, b"x" * 1000)
        client.until(lambda: client.streams[stream].over)
        client.until(lambda: client.streams[stream].reset is not None)
        result = client.streams[stream]
        assert (result.status, result.ended, result.reset) == (403, True, NO_ERROR)
        client.data(stream, b"late", end=True)
        assert client.get("/here").status == 200


def test_an_upload_that_nobody_reads_stops_and_others_do_not(edge):
    go_on = threading.Event()

    def lazy(_, peer):
        go_on.wait(30)
        raise EOFError
    edge.origin.answers["/lazy"] = lazy
    with edge.h2() as client:
        stream = client.ask("/lazy", "POST", end=False)
        client.ping()
        sent, room = 0, client.windows.get(0, 0) + 65535
        for _ in range(8):
            client.data(stream, b"x" * 16384)
            sent += 16384
        client.ping()
        assert sent <= 128 * 1024 <= room
        for _ in range(20):
            assert client.get("/", "POST", body=b"y" * 16000).status == 200
        client.ping()
        before = edge.rss_kb()
        assert client.windows.get(stream, 0) < 8 << 20, "it may send for ever what nobody takes"
        assert edge.rss_kb() - before < 16 << 10
        go_on.set()
        client.say(reset(stream))


def test_a_head_over_the_limit_gets_431_and_the_connection_stays(edge):
    with edge.h2() as client:
        many = client.get("/here", "GET", *((f"x-{i}", "y") for i in range(120)))
        long = client.get("/here", "GET", *((f"x-{i}", "y" * 3000) for i in range(6)))
        assert (many.status, long.status) == (431, 431)
        assert client.get("/here").status == 200


# -- from HTTP/2 to HTTP/1.1: nothing is smuggled ---------------------------------------------------

BASE = {":method": "POST", ":scheme": "http", ":authority": WWW, ":path": "/smuggled"}
SMUGGLING = {
    "CR LF in a value": [("x", "a\r\nx-evil: 1")],
    "LF in a value": [("x", "a\nb")],
    "CR in a value": [("x", "a\rb")],
    "NUL in a value": [("x", "a\0b")],
    "a value that begins with a space": [("x", " a")],
    "a value that ends with a tab": [("x", "a\t")],
    "CR LF in a name": [("x\r\ny", "a")],
    "a space in a name": [("x y", "a")],
    "a colon in a name": [("x:y", "a")],
    "an empty name": [("", "a")],
    "an uppercase name": [("X-Upper", "a")],
    "a name beyond ASCII": [("x-\u00e9", "a")],
    "connection": [("connection", "close")],
    "connection that names a field": [("connection", "x-internal"), ("x-internal", "1")],
    "transfer-encoding": [("transfer-encoding", "chunked")],
    "transfer-encoding, split": [("transfer-encoding", "chunk"), ("transfer-encoding", "ed")],
    "upgrade": [("upgrade", "websocket")],
    "keep-alive": [("keep-alive", "1")],
    "proxy-connection": [("proxy-connection", "keep-alive")],
    "http2-settings": [("http2-settings", "AAAA")],
    "te: gzip": [("te", "gzip")],
    "te: trailers, gzip": [("te", "trailers, gzip")],
    "two lengths": [("content-length", "3"), ("content-length", "3")],
    "a list of lengths": [("content-length", "3, 3")],
    "a length with a sign": [("content-length", "+3")],
    "a length with a space inside": [("content-length", "3 0")],
    "a length that overflows": [("content-length", "99999999999999999999")],
    "a hexadecimal length": [("content-length", "0x3")],
    "a shorter length": [("content-length", "2")],
    "a longer length": [("content-length", "4")],
    "a host that disagrees": [("host", "other.example")],
    "two hosts": [("host", WWW), ("host", WWW)],
    "a pseudo-header field after the fields": [("x", "a"), (":path", "/other")],
    "a second path": [(":path", "/smuggled")],
    "an unknown pseudo-header field": [(":evil", "1")],
    "a status": [(":status", "200")],
    ":protocol without CONNECT": [(":protocol", "websocket")],
}
PSEUDO = {
    "a request line in :method": {":method": "GET / HTTP/1.1\r\nX: "},
    "a space in :method": {":method": "GE T"},
    "an empty :method": {":method": ""},
    "CR LF in :path": {":path": "/ HTTP/1.1\r\nx-evil: 1"},
    "a space in :path": {":path": "/smuggled HTTP/1.1"},
    "NUL in :path": {":path": "/smug\0gled"},
    "a fragment in :path": {":path": "/smuggled#x"},
    "an absolute :path": {":path": "http://other/"},
    "an empty :path": {":path": ""},
    "no :path": {":path": None},
    "* for POST": {":path": "*"},
    "no :scheme": {":scheme": None},
    "another :scheme": {":scheme": "gopher"},
    "CR LF in :scheme": {":scheme": "http\r\nx: y"},
    "no :method": {":method": None},
    "no :authority": {":authority": None},
    "an empty :authority": {":authority": ""},
    "CR LF in :authority": {":authority": WWW + "\r\nx-evil: 1"},
    "a space in :authority": {":authority": WWW + " x"},
    "a path in :authority": {":authority": WWW + "/x"},
    "userinfo in :authority": {":authority": "me@" + WWW},
    "a port of letters in :authority": {":authority": WWW + ":http"},
}


def literal(name: bytes, value: bytes) -> bytes:
    def string(text: bytes) -> bytes:
        if len(text) < 127:
            return bytes([len(text)]) + text
        assert len(text) < 255
        return bytes([127, len(text) - 127]) + text
    return b"\0" + string(name) + string(value)


def refused_at_the_stream(edge, fields, encoding="utf-8"):
    block = b"".join(literal(name.encode(encoding), value.encode(encoding)) for name, value in fields)
    before = len(edge.origin.seen)
    with edge.h2() as client:
        frame = client.head(block, end=False)
        client.say(frame, DataFrame(frame.stream_id, b"GET", flags=["END_STREAM"]))
        good = client.ask("/good")
        assert client.result(good).status == 200, "the connection stays"
        result = client.result(frame.stream_id)
    assert result.reset == PROTOCOL_ERROR and not result.heads, result
    for seen in edge.origin.seen[before:]:
        assert seen.line == "GET /good HTTP/1.1" and b"evil" not in seen.raw_head, seen


@pytest.mark.parametrize("name", SMUGGLING)
def test_fields_that_http_1_1_would_read_otherwise_are_refused(edge, name):
    refused_at_the_stream(edge, [*BASE.items(), *SMUGGLING[name]])


@pytest.mark.parametrize("name", PSEUDO)
def test_pseudo_header_fields_that_http_1_1_would_read_otherwise_are_refused(edge, name):
    fields = {**BASE, **PSEUDO[name]}
    refused_at_the_stream(edge, [(key, value) for key, value in fields.items() if value is not None])


@pytest.mark.parametrize("field", [("x\r\ny", "z"), ("x", "y\r\nz"), (":path", "/"), ("Upper", "x"),
                                   ("connection", "close"), ("transfer-encoding", "chunked")])
def test_trailers_are_held_to_the_same_rules(edge, field):
    ended = []

    def answer(seen, peer):
        peer.body(seen.headers)
        ended.append(seen)
        peer.sock.sendall(plain("taken\n"))
    edge.origin.answers["/bad-trailers"] = answer
    with edge.h2() as client:
        stream = client.ask("/bad-trailers", "POST", end=False)
        client.data(stream, b"body")
        block = literal(field[0].encode(), field[1].encode())
        client.say(HeadersFrame(stream, block, flags=["END_HEADERS", "END_STREAM"]))
        result = client.result(stream)
        assert client.get("/good").status == 200
    assert result.reset == PROTOCOL_ERROR and not result.heads and not ended


# -- abuse -------------------------------------------------------------------------------------------

class Good:
    """A client that asks without pause on a connection of its own, beside what others do."""

    def __init__(self, edge, path="/here"):
        self.edge, self.path, self.stop = edge, path, threading.Event()
        self.times, self.failed = [], []
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            with self.edge.h2() as client:
                while not self.stop.is_set():
                    begun = time.monotonic()
                    if client.get(self.path).status != 200:
                        self.failed.append(client.goaway)
                    self.times.append(time.monotonic() - begun)
        except (OSError, AssertionError) as error:
            self.failed.append(error)

    def __enter__(self):
        self.thread.start()
        until(lambda: len(self.times) > 20, "the good client is at work")
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def flood(client: H2, frames, n: int = 3000) -> None:
    """Says them until the edge has had enough."""
    batch = []
    try:
        for i in range(n):
            batch += frames(client, i)
            if len(batch) >= 64:
                client.say(*batch)
                batch = []
        client.say(*batch)
    except (BrokenPipeError, ConnectionResetError):
        pass


def request(client: H2, path: str = "/wait") -> HeadersFrame:
    return client.head(client.block(path))


def made_you_reset(misdeed):
    def frames(client, i):
        head = request(client)
        return [head, *misdeed(client, head.stream_id)]
    return frames


FLOODS = {
    "rapid reset (CVE-2023-44487)": made_you_reset(lambda client, stream: [reset(stream)]),
    "made you reset: a window by 0 (CVE-2025-8671)": made_you_reset(lambda client, stream: [window_update(stream, 0)]),
    "made you reset: a window too far": made_you_reset(lambda client, stream: [window_update(stream, 0x7fffffff)]),
    "made you reset: data after the end": made_you_reset(lambda client, stream: [DataFrame(stream, b"x")]),
    "made you reset: a head after the end": made_you_reset(
        lambda client, stream: [client.head(client.encoder.encode([("x", "y")]), True, stream)]),
    "made you reset: a malformed request": lambda client, i: [
        client.head(client.encoder.encode([(":method", "GET")]))],
    "made you reset: depends on itself": lambda client, i: [HeadersFrame(
        1 + 2 * i, client.block("/wait"), flags=["END_HEADERS", "END_STREAM", "PRIORITY"], depends_on=1 + 2 * i)],
    "made you reset: depends on itself later": made_you_reset(
        lambda client, stream: [PriorityFrame(stream, depends_on=stream)]),
    "made you reset: more data than was said": lambda client, i: [
        client.head(client.block("/wait", "POST", ("content-length", "1")), False), DataFrame(1 + 2 * i, b"xx")],
    "more streams than are allowed": lambda client, i: [request(client)],
    "pings (CVE-2019-9512)": lambda client, i: [PingFrame(0, b"12345678")],
    "settings (CVE-2019-9515)": lambda client, i: [SettingsFrame(0)],
    "empty data (CVE-2019-9518)": lambda client, i: ([client.head(client.block("/wait", "POST"), False)]
                                                     if i == 0 else []) + [DataFrame(1, b"")],
    "priorities (CVE-2019-9513)": lambda client, i: [PriorityFrame(3 + 2 * (i % 50), depends_on=1)],
    "priority updates (RFC 9218)": lambda client, i: [b"\0\0\x07\x10\0\0\0\0\0\0\0\0\1u=1"],
    "windows of the connection": lambda client, i: [window_update(0, 1)],
    "windows of a stream that is no more": lambda client, i: ([client.head(client.block("/here"))]
                                                              if i == 0 else []) + [window_update(1, 1)],
    "frames of no known kind": lambda client, i: [b"\0\0\1\x77\0\0\0\0\1x"],
    "resets of a stream that is no more": lambda client, i: ([request(client)] if i == 0 else []) + [reset(1)],
    "continuations (CVE-2024-27316)": lambda client, i: [
        HeadersFrame(1, client.block(), flags=["END_STREAM"]) if i == 0 else continuation(1, b"")],
    "continuations of a byte": lambda client, i: [
        HeadersFrame(1, b"", flags=["END_STREAM"]) if i == 0 else continuation(1, b"\x82")],
}


def waits(_, peer):
    peer.sock.settimeout(20)
    peer.sock.recv(1)
    raise EOFError


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_and_harms_no_other(strict, name):
    strict.origin.answers["/wait"] = waits
    before = strict.abuse()
    with Good(strict) as good:
        with strict.h2(timeout_s=20) as client:
            flood(client, FLOODS[name])
            assert client.end() == ENHANCE_YOUR_CALM, (client.goaway, client.closed)
        n = len(good.times)
        until(lambda: len(good.times) > n + 20 or good.failed, "the good client is served still")
    assert not good.failed
    until(lambda: strict.abuse() > before, "it is counted")


def test_rapid_reset_does_not_slow_others_down(edge, tmp_path):
    """Connection after connection, as attackers come; beside them h2load, which measures."""
    with edge.h2() as client:
        attack = b"".join(frame.serialize() for _ in range(1000)
                          for frame in FLOODS["rapid reset (CVE-2023-44487)"](client, 0))
    stop, n = threading.Event(), [0]

    def attacker():
        while not stop.is_set():
            try:
                with edge.h2() as client:
                    client.say(attack)
                    client.end()
            except OSError:
                pass
            n[0] += 1
    threads = [threading.Thread(target=attacker) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        log = tmp_path / "times"
        done = subprocess.run(["h2load", "-n", "5000", "-c", "2", "-m", "4", "-H", f":authority: {WWW}",
                               f"--log-file={log}", f"{edge.url}/here"], capture_output=True, text=True, timeout=120)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    times = [int(line.split()[2]) / 1000 for line in log.read_text().splitlines()]
    print(f"\n{n[0]} connections of rapid reset; beside them {len(times)} requests, "
          f"p99 {statistics.quantiles(times, n=100)[98]:.1f} ms, at most {max(times):.1f} ms")
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr
    assert n[0] > 3


def test_a_bomb_of_headers_does_not_fill_the_memory(edge):
    """One field of 4 KB into the table, then its number again and again: 64 MB in a block of 16 KB."""
    field = b"\x40" + literal(b"x", b"")[1:3] + b"\x7f\x81\x1e" + b"y" * 3968
    bomb = b"\x82\x86\x84\x41" + bytes([len(WWW)]) + WWW.encode() + field + b"\xbe" * 12000
    before, rss = edge.abuse(), edge.rss_kb()
    for _ in range(30):
        with edge.h2() as client:
            client.say(client.head(bomb[:16384]))
            assert client.end() == ENHANCE_YOUR_CALM
    grown = edge.rss_kb() - rss
    print(f"\n30 bombs: {grown} KB more")
    assert grown < 64 << 10
    until(lambda: edge.abuse() >= before + 30, "they are counted")


def test_a_bomb_in_small_blocks_does_not_fill_the_memory(edge):
    """Each block just under the limit, kept open as long as it goes."""
    field = b"\x40\x01x\x7f\x81\x1e" + b"y" * 3968
    rss = edge.rss_kb()
    with edge.h2() as client:
        base = b"\x82\x86\x84\x41" + bytes([len(WWW)]) + WWW.encode()
        client.say(client.head(base + field))
        try:
            for _ in range(2000):
                client.say(client.head(base + b"\xbe" * 3))
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.sock.close()
    assert edge.rss_kb() - rss < 64 << 10


def test_a_broken_header_coding_ends_the_connection_alone(edge):
    with Good(edge) as good:
        with edge.h2() as client:
            client.say(client.head(b"\xff\xff\xff\xff\xff\xff"))
            assert client.end() == 9
    assert not good.failed


@pytest.mark.parametrize("window", [0, 1])
def test_a_window_that_stays_shut_ends_its_stream(strict, window):
    with strict.h2(window=window) as client:
        stuck = client.ask("/large")
        client.until(lambda: client.streams[stuck].heads)
        result = client.result(stuck)
        assert result.reset == CANCEL and len(result.body) == window
        client.say(SettingsFrame(0, settings={SETTING_INITIAL_WINDOW: 65535}))
        assert client.get("/here").status == 200, "the connection stays"


def test_a_thousand_shut_windows_do_not_starve_others(tmp_path):
    edge = H2Edge(tmp_path, limits={"buffers": "48MiB"}).start()
    clients = []
    try:
        for _ in range(10):
            clients.append(edge.h2(window=0, receive_buffer=4096))
            for _ in range(100):
                clients[-1].ask("/large")
        until(lambda: len(edge.origin.requests("/large")) > 700, "most are answered, and wait")
        until(lambda: curl(f"{edge.url}/large", "-H", f"Host: {WWW}", "-o", "/dev/null").status == 200, "others get on")
        assert edge.h2().get("/large").status == 200
    finally:
        for client in clients:
            client.sock.close()
        edge.stop()


def test_a_connection_window_that_stays_shut_ends_the_connection(strict):
    with strict.h2(window=1 << 24) as client:
        client.ask("/large")
        assert client.end() == NO_ERROR and len(client.streams[1].body) == 65535


def test_a_client_that_reads_nothing_is_let_go(strict):
    before = strict.metric("meridian_edge_ended_client_write_timeout_total")
    with strict.h2(window=1 << 30, receive_buffer=4096) as client:
        client.say(window_update(0, 1 << 30))
        for _ in range(50):
            client.ask("/large")
        until(lambda: strict.metric("meridian_edge_ended_client_write_timeout_total") > before, "it is let go")


def test_a_body_that_does_not_come_gets_408(strict):
    with strict.h2() as client:
        result = client.result(client.ask("/slow", "POST", end=False))
        assert result.status == 408
        assert client.get("/here").status == 200


def test_a_head_that_does_not_end_ends_the_connection(strict):
    with strict.h2() as client:
        client.say(HeadersFrame(1, client.block(), flags=["END_STREAM"]))
        assert client.end() == NO_ERROR


def test_a_stream_over_the_limit_is_refused_and_may_be_tried_again(edge):
    edge.origin.answers["/wait"] = waits
    with edge.h2() as client:
        first = [client.ask("/wait") for _ in range(100)]
        assert client.result(client.ask("/here")).reset == REFUSED_STREAM
        client.say(*(reset(stream) for stream in first))
        assert client.get("/here").status == 200


# -- order, and the end ------------------------------------------------------------------------------

def test_what_is_urgent_overtakes_what_is_not(edge):
    """On a connection that takes little at a time."""
    with edge.h2(window=1 << 24, receive_buffer=16384) as client:
        client.say(window_update(0, 1 << 24))
        large = client.ask("/large")
        client.until(lambda: len(client.streams[large].body) > 100000)
        urgent = client.ask("/here", "GET", ("priority", "u=0"))
        client.until(lambda: client.streams[urgent].ended)
        before = len(client.streams[large].body)
        assert not client.streams[large].ended and before < LARGE
        assert client.result(large).ended
    print(f"\nthe urgent answer came after {before} of {LARGE} bytes of the large one")


def test_incremental_ones_take_turns_and_others_wait(edge):
    def shares(*fields):
        with edge.h2(window=1 << 24, receive_buffer=16384) as client:
            client.say(window_update(0, 1 << 24))
            first, second = client.ask("/large", "GET", *fields), client.ask("/large", "GET", *fields)
            client.until(lambda: client.streams[first].ended or client.streams[second].ended)
            return sorted(len(client.streams[stream].body) for stream in (first, second))
    assert shares(("priority", "u=3, i"))[0] > LARGE / 2


def test_a_drain_fails_no_request(tmp_path):
    edge = H2Edge(tmp_path).start()
    go_on = threading.Event()

    def late(_, peer):
        go_on.wait(20)
        peer.sock.sendall(plain(b"late" * 20000))
    edge.origin.answers["/late"] = late
    try:
        with edge.h2() as client, edge.h2() as quiet:
            streams = [client.ask("/late") for _ in range(20)]
            upload = client.ask("/upload", "POST", end=False)
            client.ping()
            quiet.ping()
            edge.program.signal(signal.SIGTERM)
            client.until(lambda: client.goaway)
            assert client.goaway[0] == (0x7fffffff, NO_ERROR)
            streams.append(client.ask("/here"))  # it may not have heard yet
            client.until(lambda: len(client.goaway) == 2)
            assert client.goaway[1] == (streams[-1], NO_ERROR)
            passed_over = client.ask("/here", "POST", end=False)
            client.data(passed_over, b"nobody hears it", end=True)
            client.data(upload, b"the rest", end=True)
            go_on.set()
            for stream in [*streams, upload]:
                result = client.result(stream)
                assert (result.status, result.ended, result.reset) == (200, True, None)
            client.end()
            assert client.closed and not client.was_reset and client.goaway[-1][1] == NO_ERROR
            assert not client.streams[passed_over].over, "so it is known that it was not acted on"
            assert quiet.end() == NO_ERROR
        assert edge.program.wait() == 0
    finally:
        edge.stop()


def test_h2load_during_a_drain_loses_nothing_that_was_begun(tmp_path):
    """What h2load does not report as failed was answered; what it has not begun, it may ask elsewhere."""
    edge = H2Edge(tmp_path).start()
    try:
        load = subprocess.Popen(["h2load", "-n", "200000", "-c", "4", "-m", "8", "-H", f":authority: {WWW}",
                                 f"{edge.url}/here"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        until(lambda: edge.metric("meridian_edge_requests_total") > 500, "it is at work")
        edge.program.signal(signal.SIGTERM)
        assert edge.program.wait() == 0
        text, _ = load.communicate(timeout=60)
        assert re.search(r"5xx", text) and ", 0 5xx" in text, text
    finally:
        edge.stop()


def test_tls_and_cleartext_give_the_same(edge):
    context = ssl.create_default_context(cafile=edge.ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with H2(edge.tls_at, tls=context) as client:
        assert client.get("/large").body == edge.h2().get("/large").body
        assert client.get("/form", "POST", body=b"x" * 60000).status == 200


def test_frames_may_come_in_any_pieces(edge):
    with edge.h2() as client:
        client.ping()
        block = client.block("/form", "POST")
        data = b"".join([
            HeadersFrame(1, block[:2], flags=[]).serialize(), continuation(1, block[2:9]).serialize(),
            continuation(1, block[9:], True).serialize(),
            DataFrame(1, b"hello", pad_length=7, flags=["PADDED", "END_STREAM"]).serialize()])
        client.head(b"")
        for i in range(len(data)):
            client.sock.sendall(data[i:i + 1])
        assert client.result(1).status == 200
    assert edge.origin.requests("/form")[-1].body == b"hello"


def test_who_reads_in_small_pieces_is_no_flood(edge):
    with edge.h2() as client:
        client.piece = 2048
        assert len(client.get("/large").body) == LARGE


def test_unasked_numbers_do_not_stop_it(edge):
    """Greatest and least of what a client may set."""
    with edge.h2() as client:
        for setting, value in [(1, 0), (1, 0xffffffff), (3, 0), (4, 0x7fffffff), (5, 16384), (5, 16777215), (6, 0),
                               (0xabcd, 1)]:
            client.say(b"\0\0\6\4\0\0\0\0\0" + struct.pack(">HI", setting, value))
        assert client.get("/large").body[:16] == b"0123456789abcdef"
