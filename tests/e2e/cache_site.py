# SPDX-License-Identifier: Apache-2.0
"""An edge whose routes store what one scripted origin says, and clients of HTTP/1.1 and HTTP/2 that ask it."""
import dataclasses
import itertools
import re
import signal

from cluster import WWW
from h2_wire import H2
from one_edge import OneEdge
from origin import Answer, Peer, Seen
from wait import until

# What a route is called, and its `cache` beside the store.
ROUTES = {
    "plain": {},
    "quiet": {"status_field": False},
    "deaf": {"requests": False},
    "valid": {"valid": {"404": "1m", "5xx": "1m", "any": "1h"}},
    "refuse": {"set_cookie": "refuse"},
    "strip": {"set_cookie": "strip"},
    "only": {"key": {"query_only": ["id", "page_*"]}},
    "except": {"key": {"query_except": ["utm_*", "fbclid"]}},
    "noquery": {"key": {"query": "none"}},
    "headers": {"key": {"headers": ["X-Device"]}},
    "cookies": {"key": {"cookies": ["lang"]}},
    "hostless": {"key": {"host": False}},
    "schemeless": {"key": {"scheme": False}},
    "method": {"key": {"method": True}},
    "bypass": {"bypass": ["$header_x_refresh"]},
    "nostore": {"no_store": ["$header_x_secret"]},
    "ignore": {"ignore": ["Cache-Control", "Expires", "Vary", "Age"], "valid": {"200": "1h"}},
    "uses": {"min_uses": 3},
    "small": {"max_object": "64KiB"},
    "pass": {"pass": "1s"},
    "nopass": {"pass": "0s"},
    "compress": {"compress": ["br", "gzip"]},
    "swr": {"stale_while_revalidate": "1m"},
    "nosie": {"stale_if_error": "0s"},
    "noguess": {"heuristic_pct": 0},
    "targets": {"targets": ["Meridian-Cache-Control", "CDN-Cache-Control"]},
    "untargeted": {"targets": []},
}

_numbers = itertools.count(1)


def cache_routes(store: str = "main") -> list[dict]:
    proxy = {"pool": "app"}
    return [{"path": {"prefix": "/"}, "proxy": proxy}] + [
        {"path": {"prefix": f"/{name}/"}, "proxy": proxy, "cache": {"store": store} | cache}
        for name, cache in ROUTES.items()]


@dataclasses.dataclass
class Got:
    """A response as a client sees it. `whole`: it ended as its framing says."""
    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: dict[str, str] = dataclasses.field(default_factory=dict)
    whole: bool = True

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        values = self.all(name)
        return ", ".join(values) if values else None

    @property
    def age(self) -> int:
        return int(self.field("Age") or 0)

    @property
    def cache(self) -> str:
        """Of what use the cache was, in the words of $cache_status."""
        said = self.field("Cache-Status") or ""
        words = {"hit": "hit", "hit; detail=stale": "stale", "fwd=stale; fwd-status=304": "revalidated",
                 "fwd=miss; stored": "miss", "fwd=miss; collapsed": "collapsed", "fwd=miss": "pass",
                 "fwd=bypass": "bypass"}
        return words[said.removeprefix("meridian; ")] if said else "-"


def read_head(peer: Peer) -> Got:
    """The next head that is final."""
    while True:
        line, *fields = peer.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        status = int(line.split(" ")[1])
        if status >= 200:
            pairs = (field.partition(":") for field in fields)
            return Got(status, [(name, value.strip()) for name, _, value in pairs])


def read_chunks(peer: Peer, got: Got) -> None:
    while size := int(peer.until(b"\r\n").split(b";")[0], 16):
        got.body += peer.exactly(size)
        peer.until(b"\r\n")
    while (line := peer.until(b"\r\n")) != b"\r\n":
        name, _, value = line.decode("latin-1").partition(":")
        got.trailers[name] = value.strip()


def read_response(peer: Peer, method: str = "GET") -> Got:
    got = read_head(peer)
    if method == "HEAD" or got.status in (204, 304):
        return got
    try:
        if got.field("Transfer-Encoding"):
            read_chunks(peer, got)
        elif (length := got.field("Content-Length")) is not None:
            got.body = peer.exactly(int(length))
        else:
            while piece := peer.sock.recv(65536):
                got.body += piece
    except (EOFError, ConnectionResetError):
        got.whole = False
        got.body += peer.left
    return got


def request_bytes(path: str, method: str = "GET", fields: dict[str, str] | None = None, body: bytes | None = None,
                  host: str = WWW) -> bytes:
    lines = {"Host": host} | (fields or {})
    if body is not None:
        lines["Content-Length"] = str(len(body))
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode("latin-1") + (body or b"")


class CacheEdge(OneEdge):
    def __init__(self, folder, workers: int = 1, stores: list[dict] | None = None, **sections):
        super().__init__(folder, routes=cache_routes(), **sections)
        config = self.program.config
        config["workers"] = workers
        config["stores"] = stores or [{"name": "main", "memory": "64MiB"}]
        config["access_log"]["template"] = "$path $cache_status"
        self.program.write_config()

    def ask_h1(self, path: str, method: str = "GET", fields: dict[str, str] | None = None, body: bytes | None = None,
               host: str = WWW) -> Got:
        with self.client(timeout_s=20) as peer:
            peer.sock.sendall(request_bytes(path, method, {"Connection": "close"} | (fields or {}), body, host))
            return read_response(peer, method)

    def ask_h2(self, path: str, method: str = "GET", fields: dict[str, str] | None = None, body: bytes | None = None,
               host: str = WWW) -> Got:
        with H2(self.at) as h2:
            stream = h2.ask_raw((":method", method), (":scheme", "http"), (":authority", host), (":path", path),
                                *((name.lower(), value) for name, value in (fields or {}).items()), end=body is None)
            if body is not None:
                h2.data(stream, body, end=True)
            h2.until(lambda: h2.streams[stream].over or h2.closed)
            result = h2.streams[stream]
            if not result.heads:
                return Got(0, [], whole=False)
            trailers = {} if result.reset else {key: value for key, value in result.trailers.items() if key[0] != ":"}
            return Got(result.status, list(result.head.items()), result.body, trailers, result.reset is None)

    def reload(self) -> None:
        before = self.metric("meridian_config_reloads_total")
        self.program.write_config()
        self.program.signal(signal.SIGHUP)
        until(lambda: self.metric("meridian_config_reloads_total") > before, "the configuration is loaded")

    def rss_bytes(self) -> int:
        with open(f"/proc/{self.program.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) * 1024


class Site:
    """One test's view of an edge: paths that no other test has, over one version of HTTP."""

    def __init__(self, edge: CacheEdge, version: str, name: str):
        self.edge, self.version, self.origin = edge, version, edge.origin
        self.name = f"{next(_numbers)}-{name}"

    def path(self, route: str = "plain", more: str = "") -> str:
        return f"/{route}/{self.name}{more}"

    def says(self, answer: Answer, route: str = "plain", more: str = "") -> str:
        """The origin answers so; the path."""
        path = self.path(route, more)
        self.origin.answers[path] = answer
        return path

    def get(self, path: str, method: str = "GET", body: bytes | None = None, host: str = WWW,
            **fields: str) -> Got:
        ask = self.edge.ask_h2 if self.version == "h2" else self.edge.ask_h1
        return ask(path, method, {name.replace("_", "-"): value for name, value in fields.items()}, body, host)

    def requests(self, path: str) -> list[Seen]:
        return self.origin.requests(path)

    def asked(self, path: str) -> int:
        return len(self.requests(path))
