# SPDX-License-Identifier: Apache-2.0
"""A scripted origin: it serves what a test tells it to, byte for byte, and remembers what it saw."""
import dataclasses
import socket
import threading
from typing import Callable


@dataclasses.dataclass
class Seen:
    """One request as it reached the origin."""
    line: str
    headers: list[tuple[str, str]]
    body: bytes
    raw_head: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None


class Peer:
    """A connection that reads exactly what it asks for."""

    def __init__(self, sock: socket.socket):
        self.sock, self.left = sock, b""

    def until(self, mark: bytes) -> bytes:
        while mark not in self.left:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError
            self.left += piece
        part, self.left = self.left.split(mark, 1)
        return part + mark

    def exactly(self, n: int) -> bytes:
        while len(self.left) < n:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError
            self.left += piece
        part, self.left = self.left[:n], self.left[n:]
        return part

    def body(self, headers: list[tuple[str, str]]) -> bytes:
        fields = {key.lower(): value for key, value in headers}
        if fields.get("transfer-encoding", "").lower() == "chunked":
            out = b""
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                out += self.exactly(size)
                self.until(b"\r\n")
                if size == 0:
                    return out
        return self.exactly(int(fields.get("content-length", "0")))


Answer = bytes | Callable[[Seen, Peer], None]


def plain(body: str | bytes, status: str = "200 OK", **fields: str) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    extra = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in fields.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{extra}\r\n".encode() + data


class Origin:
    """Listens on a loopback address. `answers` maps a path (without query) to bytes to send or to a
    function that plays; others get a 200 that names the origin."""

    def __init__(self, name: str, host: str = "127.0.0.1", port: int = 0):
        self.name, self.answers = name, {}
        self.seen: list[Seen] = []
        self.connections = 0
        self._host, self._port = host, port
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.start()

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self._host, self._port))
        listener.listen(256)
        self._host, self._port = listener.getsockname()
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def stop(self) -> None:
        """As a killed process: the listener and all connections are gone."""
        with self._lock:
            if self._listener:
                self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self._open.clear()

    def requests(self, path: str) -> list[Seen]:
        with self._lock:
            return [seen for seen in self.seen if seen.line.split(" ")[1].split("?")[0] == path]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(sock)
                self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        peer = Peer(sock)
        try:
            while self._serve_one(peer):
                pass
        except (EOFError, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _serve_one(self, peer: Peer) -> bool:
        head = peer.until(b"\r\n\r\n")
        line, *fields = head[:-4].decode("latin-1").split("\r\n")
        headers = [(key, value.strip()) for key, _, value in (field.partition(":") for field in fields)]
        path = line.split(" ")[1].split("?")[0]
        answer: Answer = self.answers.get(path, plain(f"origin={self.name} path={path}\n"))
        if callable(answer):
            seen = Seen(line, headers, b"", head)
            with self._lock:
                self.seen.append(seen)
            answer(seen, peer)
        else:
            seen = Seen(line, headers, peer.body(headers), head)
            with self._lock:
                self.seen.append(seen)
            if line.startswith("HEAD "):
                answer = answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            peer.sock.sendall(answer)
        return True
