# SPDX-License-Identifier: Apache-2.0
"""One edge alone, without a cluster, before one scripted origin: for what happens on a single wire."""
import contextlib
import pathlib
import socket

from cluster import WWW, Cluster
from origin import Origin, Peer
from wait import until

HOST = b"Host: " + WWW.encode() + b"\r\n"


class OneEdge:
    def __init__(self, folder: pathlib.Path, routes: list[dict] | None = None, **sections: dict):
        self.cluster = Cluster(folder)
        self.cluster.add_region("eu-west", 1)
        self.program = self.cluster.edges["eu-west-1"]
        config = self.program.config
        del config["cluster"]
        config["workers"] = 1
        config["pools"][0].pop("health_check")
        config["access_log"] = {"file": str(self.program.folder / "access.log")}
        if routes:
            config["services"][0]["routes"] = routes
        for name, values in sections.items():
            config.setdefault(name, {}).update(values)
        self.program.write_config()
        self.origin: Origin = next(iter(self.cluster.origins.values()))
        self.at = self.cluster.http("eu-west-1")
        self.url = f"http://{self.at}"

    def start(self) -> "OneEdge":
        self.program.start()
        until(lambda: b" 200 " in self.ask(b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"),
              "the origin is known")
        return self

    def stop(self) -> None:
        self.cluster.stop()

    @contextlib.contextmanager
    def client(self, timeout_s: float = 10):
        host, port = self.at.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=timeout_s) as sock:
            yield Peer(sock)

    def ask(self, data: bytes) -> bytes:
        """Sends bytes; all that comes until the edge closes."""
        with self.client() as peer:
            peer.sock.sendall(data)
            return rest(peer)

    def metric(self, name: str) -> float:
        return self.cluster.metric("eu-west-1", name)

    def access_log(self) -> list[str]:
        return (self.program.folder / "access.log").read_text().splitlines()

    def log_line(self, word: str) -> str:
        until(lambda: any(word in line for line in self.access_log()), f"the line of {word} is written")
        return next(line for line in self.access_log() if word in line)


def rest(peer: Peer) -> bytes:
    """All that comes until the end; a reset is an end that shows as such."""
    out, peer.left = peer.left, b""
    while piece := peer.sock.recv(65536):
        out += piece
    return out


def was_reset(peer: Peer) -> bool:
    try:
        rest(peer)
    except ConnectionResetError:
        return True
    return False
