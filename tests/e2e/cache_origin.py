# SPDX-License-Identifier: Apache-2.0
"""What an origin answers where responses are stored: answers that are validated, that come piece by piece, in turn,
or all at once."""
import email.utils
import threading
import time

from origin import Answer, Peer, Seen, plain

PATIENCE_S = 20


def date(offset_s: float = 0) -> str:
    return email.utils.formatdate(time.time() + offset_s, usegmt=True)


def ok(body: str | bytes = "fine", status: str = "200 OK", **fields: str) -> bytes:
    """Fresh for a minute, unless it is said otherwise."""
    return plain(body, status, **({"Cache_Control": "max-age=60"} | fields))


def head(status: str = "200 OK", **fields: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunked(*pieces: bytes, trailers: bytes = b"", **fields: str) -> bytes:
    fields = {"Cache_Control": "max-age=60", "Transfer_Encoding": "chunked"} | fields
    return head(**fields) + b"".join(map(chunk, pieces)) + b"0\r\n" + trailers + b"\r\n"


def play(answer: Answer, seen: Seen, peer: Peer) -> None:
    if callable(answer):
        answer(seen, peer)
        return
    peer.body(seen.headers)
    if seen.line.startswith("HEAD "):
        peer.sock.sendall(answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n")
    else:
        peer.sock.sendall(answer)


def in_turn(*answers: Answer) -> Answer:
    """Each request gets the next; the last one stays."""
    left, lock = list(answers), threading.Lock()

    def answer(seen: Seen, peer: Peer) -> None:
        with lock:
            mine = left.pop(0) if len(left) > 1 else left[0]
        play(mine, seen, peer)
    return answer


def validated(body: str | bytes = "fine", news: dict[str, str] | None = None, **fields: str) -> Answer:
    """A 304 with `news` for who has this ETag, or this Last-Modified."""
    def answer(seen: Seen, peer: Peer) -> None:
        tags, since = seen.header("If-None-Match"), seen.header("If-Modified-Since")
        same = tags == fields["ETag"] if tags and "ETag" in fields else since and since == fields.get("Last_Modified")
        play(head("304 Not Modified", **(news or {})) if same else ok(body, **fields), seen, peer)
    return answer


class Pieces:
    """An answer whose pieces go out one by one, as the test lets them. `breaks`: then the connection ends."""

    def __init__(self, *pieces: bytes, breaks: bool = False):
        self.pieces, self.breaks = pieces, breaks
        self.gate = threading.Semaphore(0)
        self.n_sent, self.over = 0, threading.Event()

    def let(self, n: int | None = None) -> None:
        """So many more pieces; None: all."""
        self.gate.release(n or len(self.pieces))

    def __call__(self, seen: Seen, peer: Peer) -> None:
        try:
            for piece in self.pieces:
                if not self.gate.acquire(timeout=PATIENCE_S):
                    raise EOFError
                peer.sock.sendall(piece)
                self.n_sent += 1
            if self.breaks:
                raise EOFError
        finally:
            self.over.set()


class Crowd:
    """Holds requests until `n` of them are here at once, or for a while; `most` is how many there were."""

    def __init__(self, n: int, answer: Answer, patience_s: float = PATIENCE_S):
        self.n, self.answer, self.patience_s = n, answer, patience_s
        self.here, self.most, self.door = 0, 0, threading.Condition()

    def __call__(self, seen: Seen, peer: Peer) -> None:
        with self.door:
            self.here += 1
            self.most = max(self.most, self.here)
            self.door.notify_all()
            self.door.wait_for(lambda: self.most >= self.n, self.patience_s)
        try:
            play(self.answer, seen, peer)
        finally:
            with self.door:
                self.here -= 1
