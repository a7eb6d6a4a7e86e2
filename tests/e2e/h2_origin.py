# SPDX-License-Identifier: Apache-2.0
"""An origin of HTTP/2 that answers frame by frame what a test tells it to, right or wrong."""
import socket
import threading
from typing import Callable

import hpack
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

from h2_wire import H2, PREFACE


class Served(H2):
    """One connection, from the other side."""

    def __init__(self, sock: socket.socket, settings: dict[int, int]):  # pylint: disable=super-init-not-called
        self.sock = sock
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.left, self.next_id, self.opens_windows = b"", 1, True
        self.streams, self.goaway, self.windows = {}, [], {}
        self.pings, self.closed = 0, False
        # `most_open`: how many requests were under way at once, after the edge had our settings.
        self.knows_settings, self.answered, self.most_open = False, set(), 0
        preface = b""
        while len(preface) < len(PREFACE):
            piece = sock.recv(len(PREFACE) - len(preface))
            if not piece:
                raise EOFError
            preface += piece
        assert preface == PREFACE
        self.say(SettingsFrame(0, settings=settings))

    def _take(self, frame: Frame) -> None:
        super()._take(frame)
        if isinstance(frame, SettingsFrame):
            self.knows_settings |= "ACK" in frame.flags
        elif isinstance(frame, HeadersFrame) and self.knows_settings:
            self.most_open = max(self.most_open, len(self.streams.keys() - self.answered))

    def head_of(self, stream: int, *fields: tuple[str, str], end: bool = False) -> HeadersFrame:
        return HeadersFrame(stream, self.encoder.encode(fields), flags=["END_HEADERS"] + ["END_STREAM"] * end)

    def answer(self, stream: int, body: bytes = b"fine", status: str = "200") -> None:
        self.say(self.head_of(stream, (":status", status)), DataFrame(stream, body, flags=["END_STREAM"]))


Answer = Callable[[Served, int], None]


class H2Origin:
    """`answers` maps a path to what is done once a request has come whole; others get 200. What came is kept in
    `heads` and `bodies`, in order."""

    def __init__(self, settings: dict[int, int] | None = None):
        self.settings, self.answers = settings or {}, {}
        self.heads: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.conns: list[Served] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with Served(sock, self.settings) as conn:
                self.conns.append(conn)
                while conn.hear():
                    due = [number for number, stream in conn.streams.items()
                           if stream.heads and stream.ended and number not in conn.answered]
                    for number in due:
                        conn.answered.add(number)
                        self.heads.append(conn.streams[number].heads[0])
                        self.bodies.append(conn.streams[number].body)
                        answer: Answer = self.answers.get(self.heads[-1][":path"], Served.answer)
                        answer(conn, number)
        except (OSError, EOFError):
            pass
        finally:
            sock.close()

    def count(self, path: str) -> int:
        return sum(head[":path"] == path for head in self.heads)

    def stop(self) -> None:
        self.listener.close()
        for conn in self.conns:
            try:
                conn.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
