# SPDX-License-Identifier: Apache-2.0
"""Mixed load for test_chain.py, a process of its own: clients of all kinds, well and badly behaved, each
judging what it gets.

    mix.py HTTP HTTPS CA SEED

Runs until its input ends; then prints, as JSON, how often each kind ran and what failed. `origin()` is what
stands behind the edge."""
import collections
import hashlib
import json
import os
import random
import socket
import ssl
import struct
import sys
import threading

from cluster import WWW
from load import H2, reach, tls_context
from origin import Origin, Peer, plain
from websocket_key import KEY, accept_for

BIG = random.Random(1).randbytes(3_000_000)
BIG_SUM = hashlib.sha1(BIG).hexdigest()
pause = threading.Event().wait  # what some clients and origins do; nobody waits for a condition so

# ---- behind the edge -------------------------------------------------------------------------------


def echo(seen, peer):
    if seen.header("Expect"):
        peer.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    peer.sock.sendall(plain(hashlib.sha1(peer.body(seen.headers)).hexdigest()))


def chunks(seen, peer):
    out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    for at in range(0, 300_000, 7_001):
        piece = BIG[at:min(at + 7_001, 300_000)]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
    peer.sock.sendall(out + b"0\r\nX-Sum: %s\r\n\r\n" % hashlib.sha1(BIG[:300_000]).hexdigest().encode())


def tunnel(seen, peer):
    key = (seen.header("Sec-WebSocket-Key") or "").encode()
    accept = accept_for(key)
    peer.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + peer.left)
    while piece := peer.sock.recv(65536):
        peer.sock.sendall(piece)
    raise EOFError


def reset(seen, peer):
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise EOFError


def then_close(answer: bytes):
    def play(seen, peer):
        peer.sock.sendall(answer)
        raise EOFError
    return play


def hang(seen, peer):
    pause(1.5)
    raise EOFError


BROKEN = {  # path: what the origin does, and the statuses that the client may get
    "/reset": (reset, (502,)),
    "/nothing": (then_close(b""), (502,)),
    "/garbage": (then_close(b"\x16\x03\x01\x02\x00\x01\x00"), (502,)),
    "/length": (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), (502,)),
    "/folded": (then_close(b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"), (502,)),
    "/hang": (hang, (504,)),
    "/cut": (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 9000), (None,)),
    "/cut-chunks": (then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo"), (None,)),
    "/bad-chunks": (then_close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"), (None,)),
}


def origin() -> Origin:
    it = Origin("soak")
    it.seen = collections.deque(maxlen=100)  # it would remember millions
    answers = {
        "/small": plain("loaded"), "/big": plain(BIG), "/echo": echo, "/chunks": chunks, "/ws": tunnel,
        "/early": plain("no need", "200 OK"),
        "/304": b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
        "/hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + plain("hinted"),
        "/until-close": then_close(b"HTTP/1.1 200 OK\r\n\r\n" + BIG[:100_000]),
        **{path: play for path, (play, _) in BROKEN.items()},
    }
    for path, answer in answers.items():
        it.answers[path] = it.answers["/over2" + path] = answer
    return it


# ---- before it -------------------------------------------------------------------------------------


class Cut(Exception):
    """The answer ended before its end."""


class Wire(Peer):
    """HTTP/1.1 as a client, which believes nothing."""

    def __init__(self, ends, tls: bool):
        sock = socket.create_connection(ends.https if tls else ends.http, timeout=60)
        super().__init__(ends.tls.wrap_socket(sock, server_hostname=WWW) if tls else sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, path: str, *fields: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/{version}", f"Host: {WWW}", *fields, "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + body)

    def head(self) -> tuple[int, dict[str, str]]:
        line, *rest = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
        return int(line.split(" ")[1]), fields

    def answer(self, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        status, fields = self.head()
        while 100 <= status < 200:
            status, fields = self.head()
        try:
            return status, fields, self._body(method, status, fields)
        except (EOFError, ConnectionError, ssl.SSLError) as error:
            raise Cut from error

    def _body(self, method, status, fields) -> bytes:
        if method == "HEAD" or status in (204, 304):
            return b""
        if fields.get("transfer-encoding") == "chunked":
            out = b""
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                out += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            while (line := self.until(b"\r\n")) != b"\r\n":
                name, _, value = line.decode().partition(":")
                fields["trailer:" + name.lower()] = value.strip()
            return out
        if "content-length" in fields:
            return self.exactly(int(fields["content-length"]))
        out, self.left = self.left, b""
        while piece := self.sock.recv(65536):
            out += piece
        return out


def expect(got, status: int, body: bytes) -> None:
    assert got[0] == status and got[2] == body, (got[0], got[1], got[2][:100])


class Kinds:
    """Each method is one visit of one client; it raises when something is not as it must be."""

    def __init__(self, http: str, https: str, ca: str):
        self.http_at, self.https_at = http, https
        self.http, self.https = reach(http), reach(https)
        self.tls, self.tls_h2 = tls_context(ca), tls_context(ca, "h2")

    def kept(self, rng):
        way = rng.choice(["", "/over2"])
        with Wire(self, rng.random() < 0.5) as wire:
            for _ in range(rng.randrange(1, 60)):
                wire.send(way + "/small")
                expect(wire.answer(), 200, b"loaded")

    def closing(self, rng):
        for tls in (False, True):
            with Wire(self, tls) as wire:
                wire.send("/small", "Connection: close")
                expect(wire.answer(), 200, b"loaded")
                assert wire.sock.recv(1) == b""

    def old(self, rng):
        with Wire(self, rng.random() < 0.5) as wire:
            wire.send(rng.choice(["/chunks", "/until-close"]), version="1.0")
            status, fields, body = wire.answer()
            assert status == 200 and len(body) >= 100_000 and "transfer-encoding" not in fields, fields

    def uploads(self, rng):
        data = BIG[:rng.choice([0, 1, 4096, 70_000, len(BIG)])]
        way = rng.choice(["", "/over2"])
        with Wire(self, rng.random() < 0.5) as wire:
            for chunked in (False, True, False):
                if chunked:
                    size = rng.randrange(500, 40_000)
                    pieces = [data[at:at + size] for at in range(0, len(data), size)]
                    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
                    wire.send(way + "/echo", "Transfer-Encoding: chunked", method="POST", body=body)
                else:
                    wire.send(way + "/echo", f"Content-Length: {len(data)}", method="POST", body=data)
                expect(wire.answer(), 200, hashlib.sha1(data).hexdigest().encode())

    def expects(self, rng):
        with Wire(self, rng.random() < 0.5) as wire:
            wire.send("/echo", "Content-Length: 5", "Expect: 100-continue", method="PUT")
            assert wire.head()[0] == 100
            wire.sock.sendall(b"hello")
            expect(wire.answer(), 200, hashlib.sha1(b"hello").hexdigest().encode())

    def downloads(self, rng):
        way = rng.choice(["", "/over2"])
        with Wire(self, rng.random() < 0.5) as wire:
            wire.sock.settimeout(60)
            wire.send(way + "/big")
            if rng.random() < 0.3:
                pause(rng.random())  # the edge must wait for us
            status, _, body = wire.answer()
            assert status == 200 and hashlib.sha1(body).hexdigest() == BIG_SUM
            wire.send(way + "/chunks", "TE: trailers", "Connection: TE")
            status, fields, body = wire.answer()
            assert status == 200 and hashlib.sha1(body).hexdigest() == fields["trailer:x-sum"], fields

    def pipelined(self, rng):
        count = rng.randrange(2, 40)
        with Wire(self, rng.random() < 0.5) as wire:
            wire.sock.sendall(b"".join(b"GET /n%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (n, WWW.encode()) for n in range(count)))
            for n in range(count):
                status, _, body = wire.answer()
                assert status == 200 and body.endswith(b"path=/n%d\n" % n), body

    def bodiless(self, rng):
        with Wire(self, rng.random() < 0.5) as wire:
            wire.send("/small", method="HEAD")
            assert wire.answer("HEAD")[1]["content-length"] == "6"
            wire.send("/304")
            assert wire.answer()[0] == 304
            wire.send("/hints")
            assert wire.head()[0] == 103
            expect(wire.answer(), 200, b"hinted")

    def malformed(self, rng):
        bad = rng.choice([b"GET / HTTP/1.1\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
                          b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                          b"GET / HTTP/1.1\r\nHost: %s\r\nX: a\r\n b\r\n\r\n", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n",
                          b"GET / HTTP/1.1\r\nHost: %s\r\n" + b"X: y\r\n" * 200 + b"\r\n"])
        with Wire(self, rng.random() < 0.5) as wire:
            wire.sock.sendall(bad.replace(b"%s", WWW.encode()))
            status, fields, _ = wire.answer()
            assert status in (400, 414, 431) and fields.get("connection") == "close", (status, fields, bad[:80])

    def broken_origins(self, rng):
        path, (_, statuses) = rng.choice(list(BROKEN.items()))
        way = rng.choice(["", "/over2"])
        with Wire(self, rng.random() < 0.5) as wire:
            wire.send(way + path)
            try:
                got = wire.answer()[0]
            except Cut:
                got = None
            assert got in statuses or (got == 502 and statuses == (None,)), (way + path, got)

    def aborts(self, rng):
        with Wire(self, rng.random() < 0.5) as wire:
            what = rng.randrange(5)
            if what == 1:
                wire.sock.sendall(b"GET /small HTTP/1.1\r\nHo")
            elif what == 2:
                wire.send("/echo", "Content-Length: 100000", method="POST", body=b"x" * 50_000)
            elif what == 3:
                wire.send(rng.choice(["/big", "/over2/big", "/chunks"]))
                wire.sock.recv(rng.randrange(1, 30_000))
            elif what == 4:
                wire.send(rng.choice(["/hang", "/over2/hang"]))
                pause(rng.random() / 10)
            if rng.random() < 0.5:
                wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def half_handshakes(self, rng):
        with socket.create_connection(self.https, timeout=20) as sock:
            hello = ssl.MemoryBIO()
            it = self.tls.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=WWW)
            try:
                it.do_handshake()
            except ssl.SSLWantReadError:
                pass
            data = hello.read()
            sock.sendall(rng.choice([data[:rng.randrange(len(data))], data, os.urandom(300), b"GET / HTTP/1.1\r\n\r\n"]))
            if rng.random() < 0.5:
                sock.recv(4096)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", rng.randrange(2), 0))

    def tunnels(self, rng):
        with Wire(self, rng.random() < 0.5) as wire:
            wire.send("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                      f"Sec-WebSocket-Key: {KEY.decode()}")
            assert wire.head()[0] == 101
            for _ in range(rng.randrange(30)):
                data = BIG[:rng.choice([1, 100, 20_000])]
                wire.sock.sendall(data)
                assert wire.exactly(len(data)) == data

    def streams(self, rng):
        """HTTP/2: many at once, some of them broken off by us, some of them by the origin."""
        tls = rng.random() < 0.7
        conn = H2(self.https_at if tls else self.http_at, self.tls_h2 if tls else None, 60)
        try:
            way, wanted, broken = rng.choice(["", "/over2"]), {}, []
            for n in range(rng.randrange(1, 60)):
                what = rng.random()
                if what < 0.6:
                    wanted[conn.ask(way + "/small")] = b"loaded"
                elif what < 0.8:
                    data = BIG[:rng.randrange(1, 16_000)]
                    wanted[conn.ask(way + "/echo", "POST", data)] = hashlib.sha1(data).hexdigest().encode()
                elif what < 0.85:
                    wanted[conn.ask(way + "/chunks")] = BIG[:300_000]
                elif what < 0.9:
                    broken.append(conn.ask(way + rng.choice(["/cut", "/cut-chunks", "/reset", "/garbage"])))
                else:
                    conn.cancel(conn.ask(way + rng.choice(["/big", "/small", "/hang"]), end=rng.random() < 0.5))
            for number, body in wanted.items():
                stream = conn.finish(number)
                assert stream.fields.get(":status") == "200" and stream.body == body and stream.reset is None, \
                    (stream.fields, stream.body[:100], stream.reset)
            for number in broken:
                stream = conn.finish(number)
                assert stream.reset is not None or stream.fields[":status"] == "502", stream.fields
            if rng.random() < 0.3:
                conn.ask(way + "/big")
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            conn.close()


def main() -> None:
    http, https, ca, seed = sys.argv[1:]
    kinds = Kinds(http, https, ca)
    done, failed, lock, stop = collections.Counter(), [], threading.Lock(), threading.Event()

    def run(name, number):
        rng, visit = random.Random(f"{seed} {name} {number}"), getattr(kinds, name)
        while not stop.is_set():
            try:
                visit(rng)
                done[name] += 1
            except Exception as error:  # whatever it is, it belongs into the report
                with lock:
                    failed.append(f"{name}: {error!r}"[:500])
            if len(failed) > 100:
                return

    names = [name for name in vars(Kinds) if not name.startswith("_")]
    threads = [threading.Thread(target=run, args=(name, number)) for name in names for number in range(2)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(90)
    print(json.dumps({"done": done, "failed": failed, "stuck": sum(thread.is_alive() for thread in threads)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
