# SPDX-License-Identifier: Apache-2.0
"""A client of HTTP/2 that can be as wrong as a test wants: frames are made by hand (hyperframe, hpack), and
what comes back is kept by stream."""
import dataclasses
import socket
import ssl
import struct
import time

import hpack
from hyperframe.frame import (ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame,
                              RstStreamFrame, SettingsFrame, WindowUpdateFrame)

from cluster import WWW

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 5, 7, 8, 9, 11
SETTING_INITIAL_WINDOW = 4


@dataclasses.dataclass(repr=False)
class Stream:
    heads: list[dict[str, str]] = dataclasses.field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    ended_at: float = 0.0

    def __repr__(self) -> str:
        return f"Stream({self.heads}, {len(self.body)} bytes, ended={self.ended}, reset={self.reset})"

    @property
    def status(self) -> int:
        return int(next((head[":status"] for head in reversed(self.heads) if ":status" in head), 0))

    @property
    def head(self) -> dict[str, str]:
        return [head for head in self.heads if ":status" in head][-1]

    @property
    def trailers(self) -> dict[str, str]:
        return {} if ":status" in self.heads[-1] else self.heads[-1]

    @property
    def over(self) -> bool:
        return self.ended or self.reset is not None


class H2:
    """`window`: what each stream may send us; None: the usual, and windows are opened as bytes come."""

    piece = 65536  # so much is read at a time

    def __init__(self, at: str, tls: ssl.SSLContext | None = None, window: int | None = None,
                 receive_buffer: int = 0, timeout_s: float = 20):
        host, port = at.rsplit(":", 1)
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout_s)
        self.sock.connect((host, int(port)))
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname=WWW)
            assert self.sock.selected_alpn_protocol() == "h2"
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.opens_windows = window is None
        self.left, self.next_id = b"", 1
        self.streams: dict[int, Stream] = {}
        self.goaway: list[tuple[int, int]] = []  # (last stream, error)
        self.pings, self.closed, self.was_reset = 0, False, False
        self.windows: dict[int, int] = {}  # what we were allowed, by stream
        settings = {} if window is None else {SETTING_INITIAL_WINDOW: window}
        self.sock.sendall(PREFACE + SettingsFrame(0, settings=settings).serialize())

    def __enter__(self) -> "H2":
        return self

    def __exit__(self, *_) -> None:
        self.sock.close()

    # -- saying ----------------------------------------------------------------------------------

    def say(self, *frames: Frame | bytes) -> None:
        self.sock.sendall(b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames))

    def block(self, path: str = "/", method: str = "GET", *fields: tuple[str, str]) -> bytes:
        return self.encoder.encode([(":method", method), (":scheme", "http"), (":authority", WWW), (":path", path),
                                    *fields])

    def head(self, block: bytes, end: bool = True, stream: int | None = None) -> HeadersFrame:
        """The next stream's, unless one is named."""
        if stream is None:
            stream, self.next_id = self.next_id, self.next_id + 2
        self.streams.setdefault(stream, Stream())
        return HeadersFrame(stream, block, flags=["END_HEADERS"] + ["END_STREAM"] * end)

    def ask(self, path: str = "/", method: str = "GET", *fields: tuple[str, str], end: bool = True) -> int:
        frame = self.head(self.block(path, method, *fields), end)
        self.say(frame)
        return frame.stream_id

    def ask_raw(self, *fields: tuple[str, str], end: bool = True) -> int:
        frame = self.head(self.encoder.encode(fields), end)
        self.say(frame)
        return frame.stream_id

    def data(self, stream: int, data: bytes, end: bool = False) -> None:
        pieces = [data[at:at + 16384] for at in range(0, len(data), 16384)] or [b""]
        self.say(*(DataFrame(stream, piece, flags=["END_STREAM"] * (end and piece is pieces[-1])) for piece in pieces))

    def credit(self, stream: int, n: int) -> list[Frame]:
        """Opens both windows, for each piece that was read."""
        sizes = [min(self.piece, n - at) for at in range(0, n, self.piece)]
        return [WindowUpdateFrame(number, size) for size in sizes for number in (0, stream)]

    # -- hearing ---------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        stream = self.streams.setdefault(frame.stream_id, Stream()) if frame.stream_id else None
        if isinstance(frame, HeadersFrame):
            assert "END_HEADERS" in frame.flags
            stream.heads.append(dict(self.decoder.decode(frame.data)))
        elif isinstance(frame, DataFrame):
            stream.body += frame.data
            if self.opens_windows and frame.data:
                try:
                    self.say(*self.credit(frame.stream_id, len(frame.data)))
                except (BrokenPipeError, ConnectionResetError):
                    self.was_reset = True  # what it said before still counts
        elif isinstance(frame, RstStreamFrame):
            stream.reset = frame.error_code
        elif isinstance(frame, GoAwayFrame):
            self.goaway.append((frame.last_stream_id, frame.error_code))
        elif isinstance(frame, WindowUpdateFrame):
            self.windows[frame.stream_id] = self.windows.get(frame.stream_id, 0) + frame.window_increment
        elif isinstance(frame, PingFrame):
            self.pings += "ACK" in frame.flags
        if stream and "END_STREAM" in frame.flags:
            stream.ended, stream.ended_at = True, time.monotonic()

    def hear(self, pause: float | None = None) -> bool:
        """One read, and what is in it. False: nothing more comes."""
        try:
            if pause is not None:
                self.sock.settimeout(pause)
            piece = self.sock.recv(65536)
        except ConnectionError:
            piece, self.was_reset = b"", True
        if not piece:
            self.closed = True
            return False
        self.left += piece
        while len(self.left) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self.left[:9]))
            if len(self.left) < 9 + length:
                break
            frame.parse_body(memoryview(self.left[9:9 + length]))
            self.left = self.left[9 + length:]
            self._take(frame)
        return True

    def until(self, condition) -> None:
        while not condition():
            if not self.hear():
                assert condition(), f"closed: goaway {self.goaway}, streams {self.streams}"

    def get(self, path: str = "/", method: str = "GET", *fields: tuple[str, str], body: bytes | None = None) -> Stream:
        stream = self.ask(path, method, *fields, end=body is None)
        if body is not None:
            self.data(stream, body, end=True)
        return self.result(stream)

    def result(self, stream: int) -> Stream:
        self.until(lambda: self.streams[stream].over)
        return self.streams[stream]

    def ping(self) -> None:
        """All that was said before has been handled when this returns."""
        before = self.pings
        self.say(PingFrame(0, b"12345678"))
        self.until(lambda: self.pings > before)

    def end(self) -> int | None:
        """The error of the GOAWAY with which the edge closed the connection; None: without one."""
        while self.hear():
            pass
        return self.goaway[-1][1] if self.goaway else None


def window_update(stream: int, by: int) -> bytes:
    """Also such as hyperframe would not make."""
    return b"\0\0\4\x08\0" + struct.pack(">II", stream, by)


def reset(stream: int, error: int = CANCEL) -> RstStreamFrame:
    return RstStreamFrame(stream, error)


def continuation(stream: int, data: bytes, end: bool = False) -> ContinuationFrame:
    return ContinuationFrame(stream, data, flags=["END_HEADERS"] * end)
