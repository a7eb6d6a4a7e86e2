# SPDX-License-Identifier: Apache-2.0
"""Everything at once for a minute (ten with MERIDIAN_LONG=1): good clients of every kind beside clients that
break off, send nonsense and ask for origins that fail, while the configuration is read again and again. No
good client may see a fault, and in the end nothing of it all is left: no request, no connection, no
descriptor, and an exit that frees everything."""
import collections
import hashlib
import os
import random
import re
import signal
import socket
import ssl
import struct
import threading
import time

from cluster import WWW, free_port
from h2_wire import H2, reset
from one_edge import HOST, OneEdge
from origin import Peer, plain
from wait import until
from websocket_key import KEY, accept_for

SECONDS = 600 if os.environ.get("MERIDIAN_LONG") == "1" else 60
RELOAD_EVERY_S = 5
SMALL, BIG = b"loaded", random.Random(1).randbytes(3_000_000)
GROWTH_KB = 250_000  # with what a sanitizer keeps of what was freed
QUARANTINE = "quarantine_size_mb=16"


# -- the origin ------------------------------------------------------------------------------------

def chunked(data: bytes, piece: int = 10_000) -> bytes:
    pieces = [data[at:at + piece] for at in range(0, len(data), piece)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in pieces) + b"0\r\n\r\n"


def echo(seen, peer):
    body = peer.body(seen.headers)
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body))


def digest(seen, peer):
    peer.sock.sendall(plain(hashlib.sha256(peer.body(seen.headers)).hexdigest()))


def tunnel(seen, peer):
    accept = accept_for(seen.header("Sec-WebSocket-Key").encode())
    peer.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + peer.left)
    while data := peer.sock.recv(65536):
        peer.sock.sendall(data)
    raise EOFError


def breaks(data: bytes):
    def answer(seen, peer):
        peer.sock.sendall(data)
        raise EOFError
    return answer


def never(seen, peer):
    while peer.sock.recv(65536):
        pass
    raise EOFError


ANSWERS = {
    "/small": plain(SMALL),
    "/big": plain(BIG),
    "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(BIG[:1_000_000]),
    "/echo": echo,
    "/digest": digest,
    "/tunnel": tunnel,
    "/fails/closed": breaks(b""),
    "/fails/nonsense": breaks(b"nonsense\r\n\r\n"),
    "/fails/twice": breaks(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "/fails/late": never,
    "/cut/length": breaks(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"),
    "/cut/chunks": breaks(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    "/cut/nonsense": breaks(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfxx\r\n0\r\n\r\n"),
}
FAILS = {"/fails/closed": 502, "/fails/nonsense": 502, "/fails/twice": 502, "/fails/late": 504, "/dead": 502}
CUTS = [path for path in ANSWERS if path.startswith("/cut/")]


# -- clients: each plays one round on connections of its own ---------------------------------------

class Clients:
    def __init__(self, edge: OneEdge):
        self.http, self.https = edge.at, edge.cluster.https("eu-west-1")
        self.tls = ssl.create_default_context(cafile=str(edge.cluster.authority.ca))
        self.tls_h2 = ssl.create_default_context(cafile=str(edge.cluster.authority.ca))
        self.tls_h2.set_alpn_protocols(["h2"])

    def connect(self, tls: bool = False) -> Peer:
        host, port = (self.https if tls else self.http).rsplit(":", 1)
        sock = socket.create_connection((host, int(port)), timeout=30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Peer(self.tls.wrap_socket(sock, server_hostname=WWW) if tls else sock)

    def h2(self, tls: bool) -> H2:
        return H2(self.https, self.tls_h2, timeout_s=30) if tls else H2(self.http, timeout_s=30)

    @staticmethod
    def ask(peer: Peer, path: str, more: bytes = b"\r\n", method: str = "GET") -> tuple[int, bytes]:
        peer.sock.sendall(f"{method} {path} HTTP/1.1\r\n".encode() + HOST + more)
        line, *fields = peer.until(b"\r\n\r\n")[:-4].decode().split("\r\n")
        headers = [(key, value.strip()) for key, _, value in (field.partition(":") for field in fields)]
        return int(line.split(" ")[1]), peer.body(headers)

    # Good ones: what they get is what they should.

    def small(self, rng, tls=False):
        with self.connect(tls).sock as sock:
            peer = Peer(sock)
            for _ in range(rng.randrange(1, 50)):
                assert self.ask(peer, "/small") == (200, SMALL)

    def small_tls(self, rng):
        self.small(rng, tls=True)

    def pipelined(self, rng):
        with self.connect().sock as sock:
            peer, n = Peer(sock), rng.randrange(2, 20)
            sock.sendall((b"GET /small HTTP/1.1\r\n" + HOST + b"\r\n") * n)
            for _ in range(n):
                assert peer.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ") and peer.exactly(len(SMALL)) == SMALL

    def big_down(self, rng):
        with self.connect(rng.random() < 0.5).sock as sock:
            assert self.ask(Peer(sock), "/big") == (200, BIG)
            assert self.ask(Peer(sock), "/chunked") == (200, BIG[:1_000_000])

    def big_up(self, rng):
        data = BIG[:rng.randrange(1, len(BIG))]
        with self.connect(rng.random() < 0.5).sock as sock:
            length = b"Content-Length: %d\r\n\r\n" % len(data)
            wanted = hashlib.sha256(data).hexdigest().encode()
            assert self.ask(Peer(sock), "/digest", length + data, "POST") == (200, wanted)

    def chunked_both_ways(self, rng):
        with self.connect(rng.random() < 0.5).sock as sock:
            for _ in range(5):
                data = BIG[:rng.randrange(0, 200_000)]
                more = b"Transfer-Encoding: chunked\r\n\r\n" + chunked(data, rng.randrange(1000, 30_000))
                assert self.ask(Peer(sock), "/echo", more, "POST") == (200, data)

    def websocket(self, rng):
        with self.connect(rng.random() < 0.5).sock as sock:
            peer = Peer(sock)
            sock.sendall(b"GET /tunnel HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n")
            assert peer.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
            for _ in range(20):
                data = BIG[:rng.randrange(1, 50_000)]
                sock.sendall(data)
                assert peer.exactly(len(data)) == data

    def http2(self, rng):
        with self.h2(rng.random() < 0.5) as conn:
            for _ in range(5):
                small = [conn.ask("/small") for _ in range(rng.randrange(1, 20))]
                up = conn.ask("/echo", "POST", end=False)
                for at in range(0, 48_000, 16_000):
                    conn.data(up, BIG[at:at + 16_000], at + 16_000 == 48_000)
                large = conn.ask("/chunked")
                assert all(conn.result(number).status == 200 for number in (*small, up, large))
                assert all(conn.streams[number].body == SMALL for number in small)
                assert conn.streams[up].body == BIG[:48_000]
                assert conn.streams[large].body == BIG[:1_000_000]
                conn.streams.clear()

    def websocket_of_http2(self, rng):
        with self.h2(rng.random() < 0.5) as conn:
            number = conn.ask_raw((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"),
                                  (":path", "/tunnel"), (":authority", WWW), ("sec-websocket-version", "13"), end=False)
            conn.data(number, b"hello", end=True)
            stream = conn.result(number)
            assert (stream.status, stream.body, stream.reset) == (200, b"hello", None)

    def fails(self, rng):
        path = rng.choice(list(FAILS))
        with self.connect().sock as sock:
            assert self.ask(Peer(sock), path)[0] == FAILS[path], path

    def cut(self, rng):
        with self.connect().sock as sock:
            try:
                raise AssertionError(f"a broken response looked whole: {self.ask(Peer(sock), rng.choice(CUTS))}")
            except (EOFError, ConnectionResetError):
                pass

    def cut_http2(self, rng):
        with self.h2(rng.random() < 0.5) as conn:
            streams = [conn.ask(path) for path in CUTS]
            assert all(conn.result(number).reset is not None for number in streams)

    # Others: they do as they please, and nobody asks how they fared.

    def breaks_off(self, rng):
        with self.connect(rng.random() < 0.5).sock as sock:
            what = rng.choice([
                b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /fails/late HTTP/1.1\r\n" + HOST + b"\r\n",
                b"POST /digest HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100_000,
                b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
                b"GET /small HTTP/1.1\r\nHo", b""])
            sock.sendall(what)
            sock.settimeout(rng.random() * 0.2)
            try:
                sock.recv(1000)
            except TimeoutError:
                pass
            if rng.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def breaks_off_http2(self, rng):
        with self.h2(rng.random() < 0.5) as conn:
            streams = [conn.ask(rng.choice(["/big", "/small", "/fails/late"])) for _ in range(10)]
            if rng.random() < 0.5:
                conn.hear(0.1)
            conn.say(*(reset(number) for number in streams[:rng.randrange(0, 10)]))
            if rng.random() < 0.5:
                conn.ping()

    def nonsense(self, rng):
        host, port = rng.choice([self.http, self.https]).rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=0.3) as sock:
            begin = rng.choice([b"", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n"])
            sock.sendall(begin + rng.randbytes(rng.randrange(1, 3000)))
            while sock.recv(65536):
                pass

    GOOD = [small, small_tls, pipelined, big_down, big_up, chunked_both_ways, websocket, http2, websocket_of_http2,
            fails, cut, cut_http2]
    OTHERS = [breaks_off, breaks_off_http2, nonsense]


class Players:
    """Each kind of client in a thread of its own, round after round."""

    def __init__(self, clients: Clients):
        self.ended, self.failed, self.rounds = threading.Event(), [], collections.Counter()
        self.threads = [threading.Thread(target=self._run, args=(clients, kind, seed))
                        for seed, kind in enumerate(Clients.GOOD + Clients.OTHERS)]
        for thread in self.threads:
            thread.start()

    def _run(self, clients, kind, seed) -> None:
        rng = random.Random(seed)
        while not self.ended.is_set() and not self.failed:
            try:
                kind(clients, rng)
            except (OSError, EOFError, AssertionError) as error:
                if kind in Clients.GOOD:
                    self.failed.append(f"{kind.__name__}, round {self.rounds[kind.__name__]}: {error!r:.500}")
            self.rounds[kind.__name__] += 1

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads), "a client waits for ever"


# -- what it holds ---------------------------------------------------------------------------------

def n_descriptors(edge) -> int:
    return len(os.listdir(f"/proc/{edge.program.pid}/fd"))


def rss_kb(edge) -> int:
    with open(f"/proc/{edge.program.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1])


def settle(edge) -> None:
    for name in ("connections_open", "requests_open", "tunnels_open", "origin_connections_kept"):
        until(lambda: edge.metric(f"meridian_edge_{name}") == 0, f"{name} is 0 again")


def test_a_soak_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), QUARANTINE])))
    edge = OneEdge(tmp_path, timeouts={"linger": "500ms", "client_header": "5s", "client_body": "5s",
                                       "tls_handshake": "5s", "keep_alive": "10s"})
    config = edge.program.config
    config["workers"] = 2
    config["pools"][0]["idle_timeout"] = "2s"
    config["pools"] += [dict(config["pools"][0], name="late", first_byte_timeout="300ms"),
                        {"name": "dead", "origins": [{"address": f"127.0.0.1:{free_port()}"}]}]
    config["services"][0]["routes"] += [{"path": {"prefix": "/fails/late"}, "proxy": {"pool": "late"}},
                                        {"path": {"prefix": "/dead"}, "proxy": {"pool": "dead"}}]
    edge.program.write_config()
    edge.origin.answers.update(ANSWERS)
    try:
        edge.start()
        settle(edge)
        descriptors, rss = n_descriptors(edge), rss_kb(edge)
        players = Players(Clients(edge))
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end and not players.failed:
                players.ended.wait(RELOAD_EVERY_S)
                assert edge.program.alive(), edge.program.log()[-4000:]
                edge.program.signal(signal.SIGHUP)
                edge.origin.seen.clear()
        finally:
            players.end()
        print(f"{SECONDS} s: rounds {dict(players.rounds)}; "
              f"{edge.metric('meridian_edge_requests_total'):.0f} requests, "
              f"{edge.metric('meridian_edge_connections_total'):.0f} connections; RSS {rss} kB, then {rss_kb(edge)} kB")
        assert not players.failed, players.failed
        assert min(players.rounds.values()) > 1 and len(players.rounds) == len(players.threads), players.rounds
        settle(edge)
        config.setdefault("limits", {})["splice_pipes"] = 0  # pipes are kept for the next body
        edge.program.write_config()
        edge.program.signal(signal.SIGHUP)
        until(lambda: n_descriptors(edge) <= descriptors, "no descriptor is left")
        assert rss_kb(edge) - rss < GROWTH_KB
        assert edge.program.stop() == 0, edge.program.log()[-4000:]
        for word in ("Sanitizer", "runtime error:"):
            assert word not in edge.program.log(), edge.program.log()[-4000:]
    finally:
        edge.stop()
