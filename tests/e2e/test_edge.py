# SPDX-License-Identifier: Apache-2.0
"""One edge before scripted origins: what the client sends, what the origin sees, what the client gets."""
import concurrent.futures
import os
import signal
import socket
import threading

import pytest

from clients import curl, raw
from cluster import WWW
from origin import plain
from wait import until


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    """An edge alone, without a cluster, before two origins."""
    from cluster import Cluster
    cluster = Cluster(tmp_path_factory.mktemp("edge"))
    cluster.add_region("eu-west", 1, origins=2)
    program = cluster.edges["eu-west-1"]
    del program.config["cluster"]
    program.config["services"].append(
        {"name": "other", "hosts": ["*.wild.example"], "routes": [
            {"path": {"prefix": "/app"}, "proxy": {"pool": "app"}}]})
    program.config["access_log"] = {"file": str(program.folder / "access.log")}
    program.write_config()
    program.start()
    cluster.one, cluster.two = cluster.origins.values()
    cluster.url = f"http://{cluster.http('eu-west-1')}"
    cluster.at = cluster.http("eu-west-1")
    both_up(cluster)
    yield cluster
    cluster.stop()


def both_up(cluster):
    def up():
        origins = [origin for pool in cluster.status("eu-west-1")["pools"] for origin in pool["origins"]]
        return len(origins) == 2 and all(origin["health"] == "up" for origin in origins)
    until(up, "both origins are up")


def answer_both(edge, path, answer):
    edge.one.answers[path] = edge.two.answers[path] = answer


def seen_by_either(edge, path):
    return edge.one.requests(path) + edge.two.requests(path)


def get(edge, path, *options):
    return curl(edge.url + path, "-H", f"Host: {WWW}", *options)


def test_the_origins_are_used_in_turn(edge):
    answer_both(edge, "/turns", None)
    edge.one.answers["/turns"], edge.two.answers["/turns"] = plain("one"), plain("two")
    bodies = [get(edge, "/turns").body for _ in range(40)]
    assert 10 <= bodies.count("one") <= 30, "two workers, each in turn"


def test_forwarding_fields_reach_the_origin(edge):
    answer_both(edge, "/fields", plain("ok"))
    get(edge, "/fields?q=1", "-H", "X-Forwarded-For: 203.0.113.7", "-H", "Connection: close, X-Gone", "-H",
        "X-Gone: 1", "-H", "Keep-Alive: 5", "-H", "TE: gzip")
    seen = seen_by_either(edge, "/fields")[-1]
    assert seen.line == "GET /fields?q=1 HTTP/1.1"
    assert seen.header("Host") == WWW
    assert seen.header("X-Forwarded-For") == "127.0.0.1"  # nobody is trusted: what a client says is dropped
    assert seen.header("X-Forwarded-Proto") == "http"
    assert seen.header("X-Forwarded-Host") == WWW
    assert seen.header("Via").startswith("1.1 ")
    for gone in ("X-Gone", "Keep-Alive", "TE", "Proxy-Connection"):
        assert seen.header(gone) is None, f"{gone} is hop-by-hop (RFC 9110 7.6.1)"


def test_tls_is_told_to_the_origin(edge):
    answer_both(edge, "/proto", plain("ok"))
    port = edge.ports.https
    answer = curl(f"https://{WWW}:{port}/proto", "--cacert", str(edge.authority.ca), "--resolve",
                  f"{WWW}:{port}:{edge.address['eu-west-1']}")
    assert answer.status == 200
    assert seen_by_either(edge, "/proto")[-1].header("X-Forwarded-Proto") == "https"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_tls_versions_are_spoken(edge, version):
    port = edge.ports.https
    answer = curl(f"https://{WWW}:{port}/", "--cacert", str(edge.authority.ca), f"--tlsv{version}", "--tls-max",
                  version, "--resolve", f"{WWW}:{port}:{edge.address['eu-west-1']}")
    assert answer.status == 200, answer


def test_tls_1_1_is_refused(edge):
    port = edge.ports.https
    answer = curl(f"https://{WWW}:{port}/", "--insecure", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0",
                  "--resolve", f"{WWW}:{port}:{edge.address['eu-west-1']}")
    assert answer.exit == 35


def test_a_host_that_nobody_serves_is_misdirected(edge):
    assert curl(edge.url, "-H", "Host: nobody.example").status == 421


def test_wildcard_hosts_and_path_prefixes_route(edge):
    answer_both(edge, "/app/x", plain("found"))
    assert curl(edge.url + "/app/x", "-H", "Host: a.wild.example").body == "found"
    assert curl(edge.url + "/other", "-H", "Host: a.wild.example").status == 404
    assert curl(edge.url + "/app/x", "-H", "Host: wild.example").status == 421


def test_a_body_goes_up_by_length_and_by_chunks(edge, tmp_path):
    data = os.urandom(3_000_000)
    path = tmp_path / "body"
    path.write_bytes(data)
    answer_both(edge, "/up", plain("got it"))
    for options in ([], ["-H", "Transfer-Encoding: chunked"]):
        answer = get(edge, "/up", "--data-binary", f"@{path}", *options)
        assert answer.body == "got it"
        assert seen_by_either(edge, "/up")[-1].body == data


def test_expect_100_continue_is_answered_before_the_body_comes(edge):
    answer_both(edge, "/up100", plain("got it"))
    host, port = edge.at.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"POST /up100 HTTP/1.1\r\nHost: " + WWW.encode() +
                     b"\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    assert seen_by_either(edge, "/up100")[-1].body == b"abc"


def test_a_large_body_comes_down_whole_in_each_framing(edge, tmp_path):
    data = os.urandom(5_000_000)

    def chunked(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(data), 70_001):
            piece = data[at:at + 70_001]
            peer.sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        peer.sock.sendall(b"0\r\n\r\n")

    def until_close(seen, peer):
        peer.sock.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + data)
        raise EOFError

    for name, answer in (("/length", plain(data)), ("/chunked", chunked), ("/close", until_close)):
        answer_both(edge, name, answer)
        out = tmp_path / "out"
        assert get(edge, name, "-o", str(out)).exit == 0
        assert out.read_bytes() == data, name


def test_a_slow_client_does_not_fill_our_memory(edge):
    """Back-pressure: the origin is not read while the client does not read."""
    sent = threading.Event()
    total = 64 * 1024 * 1024

    def endless(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        block, left = b"x" * 65536, total
        while left:
            peer.sock.sendall(block)
            left -= len(block)
        sent.set()
    answer_both(edge, "/endless", endless)
    host, port = edge.at.split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: " + WWW.encode() + b"\r\n\r\n")
        assert sock.recv(1)
        assert not sent.wait(1.0), "64 MiB were taken in for a client that reads nothing"
        assert resident_kb(edge) < 200_000


def resident_kb(edge):
    with open(f"/proc/{edge.edges['eu-west-1'].pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_head_and_no_content_have_no_body(edge):
    answer_both(edge, "/none", b"HTTP/1.1 204 No Content\r\n\r\n")
    host = WWW.encode()
    out = raw(edge.at, b"GET /none HTTP/1.1\r\nHost: %s\r\n\r\nHEAD /size HTTP/1.1\r\nHost: %s\r\n"
              b"Connection: close\r\n\r\n" % (host, host))
    first, second = out.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"204") and second.startswith(b"200") and second.endswith(b"\r\n\r\n")


def test_pipelined_requests_are_answered_in_order(edge):
    for number in range(8):
        answer_both(edge, f"/pipe{number}", plain(f"answer-{number};"))
    head = b"Host: " + WWW.encode() + b"\r\n"
    out = raw(edge.at, b"".join(b"GET /pipe%d HTTP/1.1\r\n%s\r\n" % (number, head) for number in range(7)) +
              b"GET /pipe7 HTTP/1.1\r\nConnection: close\r\n%s\r\n" % head)
    assert [out.index(b"answer-%d;" % number) for number in range(8)] == \
        sorted(out.index(b"answer-%d;" % number) for number in range(8))


def test_a_connection_to_the_origin_is_kept(edge):
    answer_both(edge, "/kept", plain("ok"))
    before = edge.one.connections + edge.two.connections
    for _ in range(20):
        assert get(edge, "/kept").status == 200
    health = 8  # checks connect anew meanwhile
    assert edge.one.connections + edge.two.connections - before <= 8 + health


MALFORMED = [
    (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # RFC 9112 3.2: no Host
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked, chunked\r\n\r\n", b"501"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n folded: 1\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\nHost: a\n\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", b"400"),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
    (b"GET / HTTP/3.1\r\nHost: a\r\n\r\n", b"505"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
    (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 2000 + b"\r\n", b"431"),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", b"405"),
]


@pytest.mark.parametrize("request_bytes,status", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_request_is_refused_and_the_connection_closed(edge, request_bytes, status):
    before = len(seen_by_either(edge, "/"))
    out = raw(edge.at, request_bytes.replace(b": a\r\n", b": " + WWW.encode() + b"\r\n"), timeout_s=5)
    assert out.split(b" ")[1] == status, out[:200]
    assert out.count(b"HTTP/1.1 ") == 1
    assert len(seen_by_either(edge, "/")) == before, "nothing of it may reach an origin"


BROKEN_ORIGINS = {
    "bad-length": b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "garbage": b"this is not HTTP\r\n\r\n",
    "unasked-101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "closed": b"",
    "both": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_ORIGINS)
def test_an_origin_that_breaks_the_protocol_gives_502(edge, name):
    def broken(seen, peer):
        peer.sock.sendall(BROKEN_ORIGINS[name])
        raise EOFError
    answer_both(edge, f"/{name}", broken)
    answer = get(edge, f"/{name}")
    assert answer.status == 502, answer


def test_a_response_cut_short_is_seen_as_cut_by_the_client(edge):
    def cut_length(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        raise EOFError

    def cut_chunks(seen, peer):
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        raise EOFError
    answer_both(edge, "/cut-length", cut_length)
    answer_both(edge, "/cut-chunks", cut_chunks)
    assert get(edge, "/cut-length").exit == 18
    assert get(edge, "/cut-chunks").exit in (18, 56)


def test_an_early_answer_does_not_wait_for_the_request_body(edge):
    def early(seen, peer):
        peer.sock.sendall(plain("too early", "413 Content Too Large", Connection="close"))
        raise EOFError
    answer_both(edge, "/early", early)
    host, port = edge.at.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        sock.sendall(b"POST /early HTTP/1.1\r\nHost: " + WWW.encode() + b"\r\nContent-Length: 1000000\r\n\r\nabc")
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_dead_origin_is_left_and_taken_back(edge):
    both_up(edge)
    answer_both(edge, "/who", None)
    edge.one.answers["/who"], edge.two.answers["/who"] = plain("one"), plain("two")
    edge.one.stop()
    for _ in range(40):
        answer = get(edge, "/who")
        assert (answer.status, answer.body) == (200, "two"), "not one request may fail: nothing was sent to it"
    edge.one.start()
    both_up(edge)
    assert "one" in [get(edge, "/who").body for _ in range(20)]


def test_the_access_log_has_a_line_for_each_request_and_escapes_foreign_bytes(edge):
    log = edge.edges["eu-west-1"].folder / "access.log"
    answer_both(edge, "/logged", plain("12345"))
    assert get(edge, "/logged?x=1", "-A", 'tool "quoted"').status == 200
    until(lambda: "/logged?x=1" in log.read_text(), "the line is written")
    line = next(line for line in log.read_text().splitlines() if "/logged?x=1" in line)
    assert " 200 " in line or "status=200" in line or '"status":200' in line


def test_the_access_log_is_reopened_after_a_rotation(edge):
    program = edge.edges["eu-west-1"]
    log = program.folder / "access.log"
    answer_both(edge, "/rotated", plain("ok"))
    log.rename(program.folder / "access.log.1")
    program.signal(signal.SIGUSR1)
    until(log.exists, "the new file is there")
    get(edge, "/rotated")
    until(lambda: "/rotated" in log.read_text(), "the line is in the new file")


def test_many_clients_at_once_are_all_served(edge):
    answer_both(edge, "/many", plain("x" * 1000))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: get(edge, "/many"), range(200)))
    assert {(answer.status, len(answer.body)) for answer in answers} == {(200, 1000)}
