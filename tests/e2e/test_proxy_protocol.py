# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol with those who speak it: HAProxy before the edge and behind it, curl, over TCP and TLS."""
import contextlib
import pathlib
import socket
import subprocess

import pytest

from cluster import WWW, free_port
from load import reach
from one_edge import HOST, OneEdge
from pki import Pki
from wait import until

CLIENT = "127.77.7.7"  # whom HAProxy sees; the edge sees HAProxy


class Haproxy:
    def __init__(self, folder: pathlib.Path, port: int, lines: list[str]):
        self.port = port  # one that it listens on: it binds all before it serves
        self.path = folder / "haproxy.cfg"
        self.path.write_text("\n".join([
            "global", " maxconn 100", "defaults", " timeout connect 10s", " timeout client 10s",
            " timeout server 10s", *lines, ""]))
        self.process = None

    def start(self) -> None:
        with open(self.path.with_suffix(".log"), "wb") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", self.path], stdout=log, stderr=log)
        until(self.serves, "HAProxy serves")

    def serves(self) -> bool:
        socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        return True

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def before(name: str, port: int, at: str, options: str) -> list[str]:
    """HAProxy at layer 4."""
    return [f"listen {name}", " mode tcp", f" bind 127.0.0.1:{port}", f" server edge {at} {options}"]


def behind(name: str, port: int, tls: str = "") -> list[str]:
    """HAProxy as an origin that wants a PROXY header, and says whom it takes for the client."""
    return [f"frontend {name}", " mode http", f" bind 127.0.0.1:{port} accept-proxy {tls}",
            " http-request return status 200 content-type text/plain lf-string \"%ci %[dst]\\n\""]


class ProxyEdge(OneEdge):
    def __init__(self, folder):
        self.pki = Pki(folder / "pki")
        super().__init__(folder, timeouts={"client_header": "1s"},
                         forwarded={"request_id": True, "request_id_header": "X-Correlation-ID"})
        config = self.program.config
        host = self.at.rsplit(":", 1)[0]
        trusted = {"trusted": ["127.0.0.0/8"]}
        self.plain, self.tls = f"{host}:{free_port()}", f"{host}:{free_port()}"
        config["listeners"] += [
            {"name": "plain", "address": self.plain, "proxy_protocol": trusted},
            {"name": "tls", "address": self.tls, "proxy_protocol": trusted,
             "tls": {"certificates": [self.pki.issue("www", WWW)]}},
            {"name": "others", "address": f"{host}:{free_port()}", "proxy_protocol": {"trusted": ["10.0.0.0/8"]}}]
        self.others = config["listeners"][-1]["address"]
        config["access_log"]["template"] = "$target $client_address $peer_address $server_address $request_id"
        self.port = {name: free_port() for name in ("v1", "v2", "v2-crc", "https", "origin", "origin-tls")}
        bundle = self.pki.bundle("origin", "origin.test")["certificate"]
        self.haproxy = Haproxy(folder, self.port["origin"], [
            *before("v1", self.port["v1"], self.plain, "send-proxy"),
            *before("v2", self.port["v2"], self.plain, "send-proxy-v2"),
            *before("v2-crc", self.port["v2-crc"], self.plain, "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
            *before("https", self.port["https"], self.tls, "send-proxy-v2 proxy-v2-options crc32c"),
            *behind("origin", self.port["origin"]),
            *behind("origin-tls", self.port["origin-tls"], f"ssl crt {bundle}")])
        check = {"http": {"path": "/"}, "interval": "200ms"}
        tls = {"ca": str(self.pki.ca), "server_name": "origin.test"}
        for version in ("v1", "v2"):
            for name in ("origin", "origin-tls"):
                pool = {"name": f"{name}-{version}", "proxy_protocol": version, "health_check": check,
                        "origins": [{"address": f"127.0.0.1:{self.port[name]}"}]}
                config["pools"].append({**pool, "tls": tls} if name == "origin-tls" else pool)
        config["services"][0]["routes"] += [
            {"path": {"prefix": f"/{pool['name']}"}, "proxy": {"pool": pool["name"]}} for pool in config["pools"][1:]]
        self.program.write_config()

    def curl(self, url: str, *options: str) -> str:
        done = subprocess.run(
            ["curl", "-sS", "--max-time", "20", "--interface", CLIENT, "-H", f"Host: {WWW}", *options, url],
            capture_output=True, text=True, timeout=40)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = ProxyEdge(tmp_path_factory.mktemp("proxy"))
    try:
        edge.haproxy.start()
        yield edge.start()
    finally:
        edge.stop()
        edge.haproxy.stop()


@pytest.mark.parametrize("version", ["v1", "v2", "v2-crc"])
def test_haproxy_before_us_names_the_client(edge, version):
    edge.curl(f"http://127.0.0.1:{edge.port[version]}/front-{version}")
    seen = edge.origin.requests(f"/front-{version}")[-1]
    assert seen.header("X-Forwarded-For") == CLIENT
    assert edge.log_line(f"/front-{version}").split()[1:4] == [CLIENT, CLIENT, f"127.0.0.1:{edge.port[version]}"]


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_the_header_comes_before_tls(edge, http):
    at = f"{WWW}:{edge.port['https']}"
    edge.curl(f"https://{at}/tls{http}", http, "--cacert", str(edge.pki.ca), "--resolve", f"{at}:127.0.0.1")
    assert edge.origin.requests(f"/tls{http}")[-1].header("X-Forwarded-For") == CLIENT


def test_curl_names_itself(edge):
    edge.curl(f"http://{edge.plain}/curl", "--haproxy-protocol")
    _, client, _, _, number = edge.log_line("/curl").split()
    assert client == CLIENT
    assert len(number) == 32 and edge.origin.requests("/curl")[-1].all("X-Correlation-ID") == [number]


@pytest.mark.parametrize("pool", ["origin-v1", "origin-v2", "origin-tls-v1", "origin-tls-v2"])
def test_haproxy_behind_us_sees_the_client(edge, pool):
    """And its health checks pass, which HAProxy would not let in without a header."""
    address = edge.at.rsplit(":", 1)[0]
    until(lambda: edge.curl(f"{edge.url}/{pool}") == f"{CLIENT} {address}\n", "the pool is up")
    states = {each["name"]: [origin["health"] for origin in each["origins"]]
              for each in edge.cluster.status("eu-west-1")["pools"]}
    assert states[pool] == ["up"]
    for client in ("127.77.7.8", "127.77.7.9"):  # no connection serves two clients
        assert edge.curl(f"{edge.url}/{pool}", "--interface", client) == f"{client} {address}\n"


def test_from_others_no_header_is_read(edge):
    assert edge.curl(f"http://{edge.others}/others") == "origin=eu-west-origin-1 path=/others\n"
    with contextlib.closing(socket.create_connection(reach(edge.others), timeout=10)) as sock:
        sock.sendall(b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /spoofed HTTP/1.1\r\n" + HOST + b"\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 400 ")
    assert not edge.origin.requests("/spoofed")


@pytest.mark.parametrize("begin", [b"", b"PROXY TCP4 1.1", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"])
def test_a_header_that_does_not_end_is_not_waited_for_for_ever(edge, begin):
    counter = "meridian_edge_ended_client_proxy_total"
    before = edge.metric(counter)
    with contextlib.closing(socket.create_connection(reach(edge.plain), timeout=20)) as sock:
        sock.sendall(begin)
        assert sock.recv(100) == b"", "closed without a word: nobody knows what is spoken here"
    assert edge.metric(counter) == before + 1
