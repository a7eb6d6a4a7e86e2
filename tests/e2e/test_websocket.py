# SPDX-License-Identifier: Apache-2.0
"""Tunnels: WebSocket through the edge with a real client, and what may not become one."""
import asyncio
import contextlib
import os
import signal
import socket
import ssl
import threading

import h2.connection
import h2.events
import pytest
import websockets

from cluster import WWW
from h2_wire import H2
from one_edge import HOST, OneEdge, rest
from origin import plain
from wait import until
from websocket_key import KEY, accept_for


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = OneEdge(tmp_path_factory.mktemp("tunnel"), routes=[
        {"path": {"prefix": "/"}, "proxy": {"pool": "app"}},
        {"path": {"prefix": "/none"}, "proxy": {"pool": "app", "upgrade": []}},
        {"path": {"prefix": "/chat"}, "proxy": {"pool": "app", "upgrade": ["chat/2", "websocket"]}},
    ], timeouts={"tunnel_idle": "1s", "drain": "1s", "drain_notice": "0s", "linger": "200ms"}).start()
    yield edge
    edge.stop()


class Echo:
    """A real WebSocket server, to which the scripted origin hands its connection."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.port = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def run(self):
        async def handler(ws):
            async for message in ws:
                await ws.send(message)

        async def main():
            self.server = await websockets.serve(handler, "127.0.0.1", 0, max_size=None)
            self.port = self.server.sockets[0].getsockname()[1]
            self.ready.set()
        self.loop.run_until_complete(main())
        self.loop.run_forever()

    def splice(self, seen, peer):
        """Plays the origin: to the real server and back."""
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            server.sendall(seen.raw_head + peer.left)

            def pump(to, frm):
                while data := frm.recv(65536):
                    to.sendall(data)
                to.shutdown(socket.SHUT_WR)
            back = threading.Thread(target=pump, args=(peer.sock, server), daemon=True)
            back.start()
            try:
                pump(server, peer.sock)
            except OSError:
                pass
            back.join(10)
        raise EOFError


@pytest.fixture(scope="module")
def echo():
    return Echo()


def test_a_websocket_client_talks_through_the_edge(edge, echo):
    edge.origin.answers["/ws"] = echo.splice
    large = os.urandom(2_000_000)

    async def talk():
        host, port = edge.at.rsplit(":", 1)
        async with websockets.connect(f"ws://{WWW}/ws", host=host, port=int(port), max_size=None) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
            until(lambda: edge.metric("meridian_edge_tunnels_open") == 1, "the tunnel is counted")
            await ws.send(large)
            assert await ws.recv() == large
            for number in range(200):
                await ws.send(str(number))
            assert [await ws.recv() for _ in range(200)] == [str(number) for number in range(200)]
            await ws.ping()
    asyncio.run(talk())
    until(lambda: edge.metric("meridian_edge_tunnels_open") == 0, "the tunnel has ended")
    line = edge.log_line("/ws")
    assert " 101 " in line, line
    seen = edge.origin.requests("/ws")[-1]
    assert seen.header("Upgrade") == "websocket" and seen.header("Connection") == "Upgrade"


def test_a_websocket_client_talks_over_tls(edge, echo):
    edge.origin.answers["/wss"] = echo.splice
    host, port = edge.cluster.https("eu-west-1").rsplit(":", 1)

    async def talk():
        context = ssl.create_default_context(cafile=str(edge.cluster.authority.ca))
        async with websockets.connect(f"wss://{WWW}/wss", host=host, port=int(port), ssl=context,
                                      server_hostname=WWW) as ws:
            for size in (0, 1, 70_000):
                await ws.send(b"x" * size)
                assert await ws.recv() == b"x" * size
    asyncio.run(talk())


def handshake(path: bytes, *lines: bytes, upgrade: bytes = b"websocket") -> bytes:
    return b"GET %s HTTP/1.1\r\n%sConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Version: 13\r\n" \
           b"Sec-WebSocket-Key: %s\r\n" % (path, HOST, upgrade, KEY) + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def switch(upgrade: bytes = b"websocket", accept: bytes | None = None) -> bytes:
    accept = accept_for(KEY) if accept is None else accept
    return b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n" \
           b"Sec-WebSocket-Accept: %s\r\n\r\n" % (upgrade, accept)


def test_bytes_that_come_with_the_heads_are_not_lost(edge):
    def answer(seen, peer):
        peer.sock.sendall(switch() + b"server first")
        assert peer.exactly(12) == b"client first"
        peer.sock.sendall(b"got it")
        raise EOFError
    edge.origin.answers["/first"] = answer
    with edge.client() as client:
        client.sock.sendall(handshake(b"/first") + b"client first")
        head = client.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: " + accept_for(KEY) in head
        assert b"Upgrade: websocket" in head and b"Connection: Upgrade" in head
        assert client.exactly(18) == b"server firstgot it"
        assert rest(client) == b""


def test_each_direction_of_a_tunnel_ends_by_itself(edge):
    def answer(seen, peer):
        peer.sock.sendall(switch())
        got = b""
        while piece := peer.sock.recv(65536):
            got += piece
        peer.sock.sendall(b"you said " + got)
        raise EOFError
    edge.origin.answers["/half"] = answer
    with edge.client() as client:
        client.sock.sendall(handshake(b"/half"))
        client.until(b"\r\n\r\n")
        client.sock.sendall(b"this")
        client.sock.shutdown(socket.SHUT_WR)
        assert rest(client) == b"you said this"
    seen_end = threading.Event()

    def origin_first(seen, peer):
        peer.sock.sendall(switch() + b"bye")
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.exactly(5) == b"still"
        seen_end.set()
        raise EOFError
    edge.origin.answers["/half2"] = origin_first
    with edge.client() as client:
        client.sock.sendall(handshake(b"/half2"))
        client.until(b"\r\n\r\n")
        assert rest(client) == b"bye"
        client.sock.sendall(b"still")
        assert seen_end.wait(10)


BAD = {
    "other-protocol": switch(upgrade=b"chat/2"),
    "wrong-accept": switch(accept=accept_for(b"another")),
    "no-accept": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "no-connection": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
                     accept_for(KEY) + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_does_not_fit_is_502(edge, name):
    def answer(seen, peer):
        peer.sock.sendall(BAD[name])
        raise EOFError
    edge.origin.answers[f"/{name}"] = answer
    with edge.client() as client:
        client.sock.sendall(handshake(f"/{name}".encode()))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 502 ")


def test_an_origin_may_refuse_with_an_ordinary_answer(edge):
    edge.origin.answers["/refused"] = plain("no", "426 Upgrade Required", Upgrade="websocket", Connection="Upgrade")
    with edge.client() as client:
        client.sock.sendall(handshake(b"/refused"))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 426 ")
        assert client.exactly(2) == b"no"
        edge.origin.answers["/again"] = plain("ok")
        client.sock.sendall(b"GET /again HTTP/1.1\r\n" + HOST + b"\r\n")
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path,upgrade,passed", [
    (b"/none/a", b"websocket", None), (b"/b", b"chat/2", None), (b"/chat/c", b"chat/2", "chat/2"),
    (b"/d", b"h2c", None), (b"/chat/e", b"h3, CHAT/2", "CHAT/2"), (b"/f", b"chat/2, websocket", "websocket")])
def test_only_protocols_of_the_route_are_asked_for(edge, path, upgrade, passed):
    edge.origin.answers[path.decode()] = plain("ok")
    with edge.client() as client:
        client.sock.sendall(handshake(path, upgrade=upgrade))
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    seen = edge.origin.requests(path.decode())[-1]
    assert seen.header("Upgrade") == passed
    assert seen.header("Connection") == ("Upgrade" if passed else None)


def test_a_tunnel_that_idles_is_closed(edge):
    def answer(seen, peer):
        peer.sock.sendall(switch())
        while peer.sock.recv(65536):
            pass
        raise EOFError
    edge.origin.answers["/idle"] = answer
    with edge.client() as client:
        client.sock.sendall(handshake(b"/idle"))
        client.until(b"\r\n\r\n")
        with pytest.raises((EOFError, ConnectionResetError)):
            client.exactly(1)
    until(lambda: edge.metric("meridian_edge_ended_tunnel_idle_total") >= 1, "the reason is counted")


def test_a_slow_reader_holds_the_other_side_back(edge):
    sent, stop = [0], threading.Event()

    def flood(seen, peer):
        peer.sock.sendall(switch())
        peer.sock.settimeout(0.5)
        try:
            while sent[0] < 64 << 20:
                sent[0] += peer.sock.send(b"x" * 65536)
        except OSError:
            pass
        stop.set()
        raise EOFError
    edge.origin.answers["/flood"] = flood
    with edge.client() as client:
        client.sock.sendall(handshake(b"/flood"))
        client.until(b"\r\n\r\n")
        assert stop.wait(20)
        assert sent[0] < 32 << 20, "the origin was read for a client that reads nothing"


def test_an_extended_connect_of_http_2_becomes_a_handshake_of_http_1_1(edge):
    """RFC 8441: HTTP/2 has no key; the origin gets one, and the client hears nothing of it."""
    got = {}

    def answer(seen, peer):
        got["seen"] = seen
        key = seen.header("Sec-WebSocket-Key").encode()
        peer.sock.sendall(switch(accept=accept_for(key)))
        peer.sock.sendall(b"you said " + peer.exactly(5))
        raise EOFError
    edge.origin.answers["/h2ws"] = answer
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    with edge.client() as client:
        client.sock.sendall(connection.data_to_send())
        events, data = [], b""
        connection.send_headers(1, [
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/h2ws"),
            (":authority", WWW), ("sec-websocket-version", "13")])
        connection.send_data(1, b"hello")
        client.sock.sendall(connection.data_to_send())
        while not any(isinstance(event, h2.events.StreamEnded) for event in events):
            piece = client.sock.recv(65536)
            assert piece, events
            new = connection.receive_data(piece)
            events += new
            data += b"".join(event.data for event in new if isinstance(event, h2.events.DataReceived))
            client.sock.sendall(connection.data_to_send())
    head = next(dict(event.headers) for event in events if isinstance(event, h2.events.ResponseReceived))
    assert head[b":status"] == b"200" and b"sec-websocket-accept" not in head and b"upgrade" not in head
    assert data == b"you said hello"
    assert got["seen"].line == "GET /h2ws HTTP/1.1" and got["seen"].header("Upgrade") == "websocket"


def switch_for(seen) -> bytes:
    return switch(accept=accept_for(seen.header("Sec-WebSocket-Key").encode()))


@contextlib.contextmanager
def http2_tunnel(edge, path: str):
    """A stream that has become a tunnel."""
    with H2(edge.at) as client:
        client.ping()  # its settings are here
        block = client.encoder.encode([
            (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", path),
            (":authority", WWW), ("sec-websocket-version", "13")])
        frame = client.head(block, end=False)
        client.say(frame)
        stream = client.streams[frame.stream_id]
        client.until(lambda: stream.heads)
        assert stream.status == 200, stream
        yield client, frame.stream_id, stream


def test_a_tunnel_of_http_2_lives_on_after_the_client_has_ended_its_side(edge):
    def answer(seen, peer):
        peer.sock.sendall(switch_for(seen))
        assert peer.exactly(3) == b"bye" and peer.sock.recv(1) == b""
        peer.sock.sendall(b"last")
        raise EOFError
    edge.origin.answers["/client-ends"] = answer
    with http2_tunnel(edge, "/client-ends") as (client, number, stream):
        client.data(number, b"bye", end=True)
        client.until(lambda: stream.over)
        assert stream.body == b"last" and stream.ended and stream.reset is None


def test_a_tunnel_of_http_2_lives_on_after_the_origin_has_ended_its_side(edge):
    got = []

    def answer(seen, peer):
        peer.sock.sendall(switch_for(seen) + b"last")
        peer.sock.shutdown(socket.SHUT_WR)
        got.append(peer.exactly(3))
        got.append(peer.sock.recv(1))
        raise EOFError
    edge.origin.answers["/origin-ends"] = answer
    with http2_tunnel(edge, "/origin-ends") as (client, number, stream):
        client.until(lambda: stream.over)
        assert stream.body == b"last" and stream.ended and stream.reset is None
        client.data(number, b"bye", end=True)
        until(lambda: got == [b"bye", b""], "the origin hears the client out")


def test_a_drain_lets_tunnels_be_until_its_end(edge):
    def answer(seen, peer):
        peer.sock.sendall(switch())
        while data := peer.sock.recv(65536):
            peer.sock.sendall(data)
        raise EOFError
    edge.origin.answers["/drain"] = answer
    with edge.client() as client:
        client.sock.sendall(handshake(b"/drain"))
        client.until(b"\r\n\r\n")
        edge.program.signal(signal.SIGTERM)
        for _ in range(3):
            client.sock.sendall(b"ping")
            assert client.exactly(4) == b"ping"
        with pytest.raises((EOFError, ConnectionResetError)):
            client.exactly(1)
    assert edge.program.wait() == 0
