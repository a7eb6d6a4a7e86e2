# SPDX-License-Identifier: Apache-2.0
"""Clients that ask without pause while something happens to the edge, and say what went wrong: over
HTTP/1.1 and HTTP/2, plain and over TLS. What RFC 9110 lets a client try again is tried again; all else is
a failure."""
import collections
import socket
import ssl
import struct
import threading

import hpack

from cluster import WWW


def reach(at: str) -> tuple[str, int]:
    host, port = at.rsplit(":", 1)
    return host.strip("[]"), int(port)


def tls_context(ca, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Load:
    """HTTP/1.1. Half of the clients keep their connections, half close. With `may_refuse`, a refused
    connection ends its client: nobody listens any more, and DNS has moved the client by then."""

    def __init__(self, at: str, clients: int = 4, tls: ssl.SSLContext | None = None, path: str = "/load",
                 want: bytes = b"loaded", may_refuse: bool = False):
        self.at, self.tls, self.want, self.may_refuse = reach(at), tls, want, may_refuse
        self.request = f"GET {path} HTTP/1.1\r\nHost: {WWW}\r\n".encode()
        self.ended = threading.Event()
        self.done, self.failed = 0, []
        self.threads = [threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def _open(self) -> socket.socket:
        sock = socket.create_connection(self.at, timeout=20)
        return self.tls.wrap_socket(sock, server_hostname=WWW) if self.tls else sock

    def _run(self, keep: bool) -> None:
        sock = None
        while not self.ended.is_set():
            reused, answer = sock is not None, b""
            try:
                sock = sock or self._open()
                sock.sendall(self.request + (b"\r\n" if keep else b"Connection: close\r\n\r\n"))
                while b"\r\n\r\n" + self.want not in answer:
                    piece = sock.recv(65536)
                    if not piece:
                        raise EOFError
                    answer += piece
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                self.done += 1
            except ConnectionRefusedError as error:
                if not self.may_refuse:
                    self.failed.append(repr(error))
                return
            except (OSError, EOFError, AssertionError) as error:
                # An idle connection was closed before our request: to be tried again (RFC 9112 9.3.1).
                gone = isinstance(error, (EOFError, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError))
                if reused and not answer and gone:
                    sock = None
                    continue
                self.failed.append(f"{error!r} reused={reused} after {answer[:200]!r}")
                return
            if not keep or b"connection: close" in answer.lower():
                sock.close()
                sock = None

    def end(self) -> tuple[int, list[str]]:
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        return self.done, self.failed


DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Stream:
    def __init__(self):
        self.fields, self.body, self.over, self.reset = {}, b"", False, None


class H2:
    """A connection of HTTP/2, frame by frame: Debian's python3-h2 cannot read on after a GOAWAY. Its windows
    are so large that they are never opened again, and it sends no body larger than 16 KiB."""

    def __init__(self, at: str, tls: ssl.SSLContext | None, timeout_s: float = 20):
        sock = socket.create_connection(reach(at), timeout=timeout_s)
        self.sock = tls.wrap_socket(sock, server_hostname=WWW) if tls else sock
        self.left, self.next_id, self.goaway = b"", 1, None
        self.streams: dict[int, Stream] = {}
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.scheme = "https" if tls else "http"
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 30)) +
                          frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))

    def ask(self, path: str, method: str = "GET", body: bytes = b"", end: bool = True) -> int:
        """Begins a request; its stream's number."""
        number, self.next_id = self.next_id, self.next_id + 2
        fields = [(":method", method), (":scheme", self.scheme), (":authority", WWW), (":path", path)]
        out = frame(HEADERS, END_HEADERS | (END_STREAM if end and not body else 0), number,
                    self.encoder.encode(fields))
        if body:
            out += frame(DATA, END_STREAM if end else 0, number, body)
        self.streams[number] = Stream()
        self.sock.sendall(out)
        return number

    def cancel(self, number: int) -> None:
        self.sock.sendall(frame(RST_STREAM, 0, number, struct.pack(">I", 8)))
        self.streams.pop(number)

    def step(self) -> None:
        """Takes one frame. EOFError when there is none any more."""
        head = self._exactly(9)
        kind, flags, number = head[3], head[4], struct.unpack(">I", head[5:])[0] & 0x7fffffff
        payload = self._exactly(int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & ACK:
            self.sock.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.sock.sendall(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[:4])[0] & 0x7fffffff
        elif kind == HEADERS:
            while not flags & END_HEADERS:
                more = self._exactly(9)
                payload += self._exactly(int.from_bytes(more[:3], "big"))
                flags |= more[4] & END_HEADERS
            fields = dict(self.decoder.decode(payload))
            if number in self.streams:
                self.streams[number].fields.update(fields)
        elif kind == DATA and number in self.streams:
            self.streams[number].body += payload
        elif kind == RST_STREAM and number in self.streams:
            self.streams[number].reset = struct.unpack(">I", payload)[0]
        if number in self.streams and (kind == RST_STREAM or kind in (DATA, HEADERS) and flags & END_STREAM):
            self.streams[number].over = True

    def finish(self, number: int) -> Stream:
        while not self.streams[number].over:
            self.step()
        return self.streams.pop(number)

    def _exactly(self, n: int) -> bytes:
        while len(self.left) < n:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError
            self.left += piece
        part, self.left = self.left[:n], self.left[n:]
        return part

    def close(self) -> None:
        self.sock.close()


class LoadH2(Load):
    """HTTP/2: each client has `WIDTH` requests under way. One that a GOAWAY says was not looked at is asked
    again elsewhere (RFC 9113 6.8)."""

    WIDTH = 8

    def _run(self, keep: bool) -> None:
        while not self.ended.is_set():
            conn = None
            try:
                conn = H2("%s:%d" % self.at, self.tls)
                self._use(conn, rounds=1 << 30 if keep else 4)
            except ConnectionRefusedError as error:
                if not self.may_refuse:
                    self.failed.append(repr(error))
                return
            except (OSError, EOFError, AssertionError) as error:
                under_way = [number for number in conn.streams
                             if conn.goaway is None or number <= conn.goaway] if conn else [0]
                idle = conn and conn.goaway is not None and not under_way
                if not idle:
                    self.failed.append(f"{error!r} under way: {under_way} goaway: {conn and conn.goaway}")
                    return
            finally:
                if conn:
                    conn.close()

    def _use(self, conn: H2, rounds: int) -> None:
        waiting = collections.deque()
        while waiting or not (self.ended.is_set() or conn.goaway is not None or rounds <= 0):
            rounds -= 1
            while len(waiting) < self.WIDTH and conn.goaway is None and not self.ended.is_set() and rounds > 0:
                waiting.append(conn.ask("/load"))
            if not waiting:
                return
            number = waiting.popleft()
            if conn.goaway is not None and number > conn.goaway:
                conn.streams.pop(number)
                continue
            while not conn.streams[number].over and (conn.goaway is None or number <= conn.goaway):
                conn.step()
            stream = conn.streams.pop(number)
            if not stream.over or stream.reset == 7:  # REFUSED_STREAM: not looked at (RFC 9113 8.7)
                continue
            assert stream.fields.get(":status") == "200" and stream.body == self.want and stream.reset is None, \
                (stream.fields, stream.body, stream.reset)
            self.done += 1
