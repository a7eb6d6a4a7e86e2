# SPDX-License-Identifier: Apache-2.0
"""Who the edge takes for the client, what origins hear of it, the PROXY protocol both ways, and pages for errors."""
import socket
import struct
import subprocess

import pytest

from cluster import WWW, free_port
from one_edge import HOST, OneEdge, rest
from origin import plain
from wait import until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forward")
    (folder / "405.html").write_text("no $method here\n")
    edge = OneEdge(folder, forwarded={
        "trusted": ["10.0.0.0/8"], "request_id": True, "forwarded": True, "x_real_ip": True, "x_forwarded_port": True})
    config = edge.program.config
    edge.proxied = f"{edge.at.rsplit(':', 1)[0]}:{free_port()}"
    config["listeners"].append({"name": "proxied", "address": edge.proxied,
                                "proxy_protocol": {"trusted": ["127.0.0.0/8"]}})
    # What a connection begins with is seen by an origin that speaks no HTTP.
    edge.listener = socket.create_server(("127.0.0.1", 0))
    origin = "127.0.0.1:%d" % edge.listener.getsockname()[1]
    for version in ("v1", "v2"):
        config["pools"].append({"name": version, "proxy_protocol": version, "origins": [{"address": origin}]})
    config["pools"].append({"name": "dead", "origins": [{"address": f"127.0.0.1:{free_port()}"}]})
    config["services"][0].update({
        "routes": [{"path": {"prefix": "/"}, "proxy": {"pool": "app"}}] +
                  [{"path": {"prefix": f"/{pool}"}, "proxy": {"pool": pool}} for pool in ("v1", "v2", "dead")],
        "hsts": {"max_age": "365d", "include_subdomains": True},
        "error_pages": [{"status": [502], "body": "<b>$status</b> $path\n"},
                        {"status": [401, 404, 405], "body": "ours\n", "intercept": True}]})
    config["services"].append({"name": "trace", "hosts": ["trace.example"], "trace": True, "routes": [
        {"path": {"prefix": "/"}, "proxy": {"pool": "app"}}]})
    config["error_pages"] = [{"status": [400, 408, 431], "body": "page $status\n"}, {"status": [405, 421], "file": str(folder / "405.html"), "content_type": "text/plain"}]
    edge.program.write_config()
    edge.start()
    yield edge
    edge.stop()
    edge.listener.close()


def ask_proxied(edge, header: bytes, path: str, *lines: bytes) -> bytes:
    host, port = edge.proxied.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as sock:
        for byte in header:  # as slowly as it may come
            sock.sendall(bytes([byte]))
        sock.sendall(b"GET %s HTTP/1.1\r\n%sConnection: close\r\n%s\r\n" % (
            path.encode(), HOST, b"".join(line + b"\r\n" for line in lines)))
        out = b""
        while piece := sock.recv(65536):
            out += piece
        return out


def v2(source: str, target: str, *, command: int = 0x21) -> bytes:
    body = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">HH", 4711, 443)
    return SIGNATURE + struct.pack(">BBH", command, 0x11, len(body)) + body


def seen(edge, path: str):
    return [request for request in edge.origin.seen if request.line.split()[1] == path][-1]


def test_stranger_cannot_say_who_it_is(edge):
    edge.ask(b"GET /stranger HTTP/1.1\r\n" + HOST + b"Connection: close\r\nX-Forwarded-For: 198.51.100.9\r\n"
             b"X-Forwarded-Proto: https\r\nForwarded: for=198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\n"
             b"X-Request-ID: mine\r\n\r\n")
    request = seen(edge, "/stranger")
    assert request.all("X-Forwarded-For") == ["127.0.0.1"] and request.all("X-Real-IP") == ["127.0.0.1"]
    assert request.header("X-Forwarded-Proto") == "http"
    assert "198.51.100.9" not in request.header("Forwarded")
    assert len(request.header("X-Request-ID")) == 32
    assert request.header("X-Forwarded-Port") == edge.at.rsplit(":", 1)[1]


@pytest.mark.parametrize("header, client", [
    (b"PROXY TCP4 203.0.113.5 198.51.100.1 4711 443\r\n", "203.0.113.5"),
    (v2("203.0.113.6", "198.51.100.1"), "203.0.113.6"),
    (v2("203.0.113.7", "198.51.100.1", command=0x20), "127.0.0.1"),  # LOCAL: for itself
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
])
def test_proxy_header_names_the_client(edge, header, client):
    path = f"/px-{len(header)}-{client}"
    assert b" 200 " in ask_proxied(edge, header, path)
    assert seen(edge, path).header("X-Forwarded-For") == client
    assert edge.log_line(path).startswith(f"{client} ")


def test_trusted_proxy_is_believed_and_its_words_are_passed_on(edge):
    ask_proxied(edge, v2("10.1.2.3", "198.51.100.1"), "/trusted", b"X-Forwarded-For: 1.1.1.1, 203.0.113.9, 10.9.9.9",
                b"X-Forwarded-Proto: https", b"X-Request-ID: theirs-1")
    request = seen(edge, "/trusted")
    assert request.header("X-Forwarded-For") == "1.1.1.1, 203.0.113.9, 10.9.9.9, 10.1.2.3"
    assert request.header("X-Real-IP") == "203.0.113.9", "the right-most that is not trusted"
    assert request.header("X-Forwarded-Proto") == "https"
    assert request.header("X-Request-ID") == "theirs-1"
    assert edge.log_line("/trusted").startswith("203.0.113.9 ")


@pytest.mark.parametrize("header", [b"", b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", SIGNATURE + b"\x21\x11\0\1x"])
def test_without_a_proper_header_the_connection_is_closed(edge, header):
    try:
        assert ask_proxied(edge, header, "/closed") == b""
    except OSError:
        pass  # closed while we spoke
    assert not [request for request in edge.origin.seen if "/closed" in request.line]


@pytest.mark.parametrize("version, begins", [("v1", b"PROXY TCP4 127.0.0.1 127."), ("v2", SIGNATURE + b"\x21\x11\0\x0c\x7f\0\0\1")])
def test_origins_get_a_proxy_header(edge, version, begins):
    for _ in range(2):  # each request on a connection of its own
        with edge.client() as client:
            client.sock.sendall(b"GET /%s HTTP/1.1\r\n%s\r\n" % (version.encode(), HOST))
            sock, _ = edge.listener.accept()
            with sock:
                data = b""
                while b"\r\n\r\n" not in data.replace(SIGNATURE, b""):
                    data += sock.recv(65536)
                assert data.startswith(begins)
                assert b"GET /%s HTTP/1.1\r\n" % version.encode() in data
                sock.sendall(plain("ok"))
            assert b" 200 " in client.until(b"\r\n\r\n")


def test_error_pages(edge):
    answer = edge.ask(b"GET /dead/<b> HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 502 ") and answer.endswith(b"<b>502</b> /dead/&#60;b&#62;\n")
    assert b"Content-Type: text/html" in answer
    answer = edge.ask(b"GET / HTTP/1.1\r\nHost: nobody.example\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421 ") and answer.endswith(b"no GET here\n"), "of the whole edge"
    edge.origin.answers["/gone"] = plain("theirs", status="404 Not Found")
    assert edge.ask(b"GET /gone HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n").endswith(b"ours\n")


REFUSED = {  # what is said; the status; the beginning of the request's line in the log
    "control": (b"GET /bad\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400, ""),
    "field": (b"GET /bad-field HTTP/1.1\r\n" + HOST + b"bad field: x\r\n\r\n", 400, "GET /bad-field"),
    "chunk": (b"POST /chunk HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "POST /chunk"),
    "fields": (b"GET /many HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 200 + b"\r\n", 431, "GET /many"),
    "ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", 400, ""),
    "http/0.9": (b"GET /\r\n", 400, ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_is_refused_gets_the_page_and_a_line_in_the_log(edge, case):
    request_text, status, line = REFUSED[case]
    before = len(edge.access_log())
    answer = edge.ask(request_text)
    assert answer.startswith(b"HTTP/1.1 %d " % status) and answer.endswith(b"page %d\n" % status), answer
    assert b"Connection: close\r\n" in answer
    until(lambda: len(edge.access_log()) > before, "its line is written")
    assert f'"{line}' in edge.access_log()[-1] and f" {status} " in edge.access_log()[-1], edge.access_log()[-1]
    assert edge.access_log()[-1].startswith("127.0.0.1 "), edge.access_log()[-1]


def test_what_a_status_demands_stays_beside_the_page(edge):
    edge.origin.answers["/locked"] = plain("theirs", "401 Unauthorized", WWW_Authenticate='Basic realm="x"', X_Theirs="1")
    edge.origin.answers["/readonly"] = plain("theirs", "405 Method Not Allowed", Allow="GET")
    with edge.client() as client:
        client.sock.sendall(b"GET /locked HTTP/1.1\r\n%s\r\nPUT /readonly HTTP/1.1\r\n%s\r\n" % (HOST, HOST))
        head = client.until(b"ours\n")
        assert b"HTTP/1.1 401 " in head and b'WWW-Authenticate: Basic realm="x"\r\n' in head and b"X-Theirs" not in head
        head = client.until(b"ours\n")
        assert b"HTTP/1.1 405 " in head and b"Allow: GET\r\n" in head and head.count(b"Allow:") == 1


def test_a_page_is_not_for_grpc(edge):
    edge.origin.answers["/grpc"] = plain("theirs", "404 Not Found")
    out = edge.ask(b"POST /grpc HTTP/1.1\r\n" + HOST + b"Content-Type: application/grpc\r\nConnection: close\r\n"
                   b"Content-Length: 0\r\n\r\n")
    assert out.endswith(b"theirs")


@pytest.mark.parametrize("method, host, hops, status", [
    (b"CONNECT", None, None, b"405"),
    (b"TRACE", WWW, None, b"405"),
    (b"TRACE", WWW, b"0", b"405"),
    (b"TRACE", "trace.example", b"0", b"405"),  # we are the last, and reflect nothing
    (b"TRACE", "trace.example", b"3", b"200"),
    (b"OPTIONS", WWW, b"0", b"204"),
    (b"OPTIONS", WWW, b"1", b"200"),
    (b"OPTIONS", WWW, b"x", b"400"),
    (b"GET", WWW, b"0", b"200"),  # RFC 9110 7.6.2: it counts for those two alone
])
def test_methods_that_stop_here(edge, method, host, hops, status):
    path = f"/stop-{method.decode()}-{host}-{hops and hops.decode()}"
    target = b"a:443" if host is None else path.encode()
    host = b"a:443" if host is None else host.encode()
    lines = b"Max-Forwards: %s\r\n" % hops if hops else b""
    out = edge.ask(b"%s %s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n" % (method, target, host, lines))
    assert out.split(b" ")[1] == status
    asked = edge.origin.requests(path)
    assert len(asked) == (status == b"200")
    if asked and hops and method != b"GET":
        assert int(asked[0].header("Max-Forwards")) == int(hops) - 1


def test_connection_names_nothing_away_that_is_for_all(edge):
    """A proxy before us that hands Connection on would else lose what it said of the client."""
    answer = ask_proxied(edge, v2("10.1.2.3", "198.51.100.1"), "/abuse", b"X-Forwarded-For: 203.0.113.9", b"Cookie: a=b",
                         b"Authorization: Basic eDp5", b"Content-Length: 0", b"X-Hop: 1",
                         b"Connection: X-Forwarded-For, Cookie, Authorization, Host, Content-Length, X-Hop")
    assert b" 200 " in answer
    request = seen(edge, "/abuse")
    assert request.header("X-Forwarded-For") == "203.0.113.9, 10.1.2.3" and request.header("X-Real-IP") == "203.0.113.9"
    assert request.header("Cookie") == "a=b" and request.header("Authorization") and request.header("Host") == WWW
    assert request.header("X-Hop") is None


def test_an_origin_cannot_name_away_what_is_for_all(edge):
    edge.origin.answers["/abuse-back"] = plain("ok", Set_Cookie="a=b", Cache_Control="no-store", X_Hop="1",
                                               Connection="Set-Cookie, Cache-Control, Content-Length, X-Hop")
    with edge.client() as client:
        client.sock.sendall(b"GET /abuse-back HTTP/1.1\r\n%s\r\n" % HOST)
        head = client.until(b"\r\n\r\n")
    assert b"Set-Cookie: a=b\r\n" in head and b"Cache-Control: no-store\r\n" in head
    assert b"Content-Length: 2\r\n" in head and b"X-Hop" not in head


def test_what_a_stranger_says_with_underscores_goes_too(edge):
    edge.ask(b"GET /underscores HTTP/1.1\r\n" + HOST + b"Connection: close\r\nX_Forwarded_For: 1.1.1.1\r\n"
             b"X-Forwarded-Prefix: /admin\r\nx_real-ip: 1.1.1.1\r\nX_Other: 1\r\n\r\n")
    request = seen(edge, "/underscores")
    assert b"1.1.1.1" not in request.raw_head and b"/admin" not in request.raw_head
    assert request.header("X_Other") == "1"


def test_hsts_goes_over_tls_alone(edge):
    host, port = edge.cluster.https("eu-west-1").rsplit(":", 1)
    out = subprocess.run(["curl", "-skD-", "-o/dev/null", "--resolve", f"{WWW}:{port}:{host}", f"https://{WWW}:{port}/"],
                         capture_output=True, timeout=20).stdout
    assert b"strict-transport-security: max-age=31536000; includeSubDomains\r\n" in out
    with edge.client() as client:
        client.sock.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert b"Strict-Transport" not in rest(client)
