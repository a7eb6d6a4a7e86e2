# SPDX-License-Identifier: Apache-2.0
"""gRPC through the edge, judged by gRPC's own library for node: the four kinds of call, metadata at both
ends, deadlines and cancellation, and what a caller hears when the edge itself refuses."""
import hashlib
import json
import pathlib
import shutil
import subprocess

import pytest

from cluster import ROOT, WWW, free_port
from one_edge import OneEdge
from wait import until

HERE = pathlib.Path(__file__).parent / "grpc"
FOLDER = ROOT / "build/grpc"


@pytest.fixture(scope="session")
def play() -> pathlib.Path:
    """The library as the lock file pins it, installed once into the build folder."""
    lock = (HERE / "package-lock.json").read_bytes()
    mark = FOLDER / "installed"
    digest = hashlib.sha256(lock).hexdigest()
    if not mark.exists() or mark.read_text() != digest:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, FOLDER)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                       cwd=FOLDER, check=True, timeout=240, stdin=subprocess.DEVNULL)
        mark.write_text(digest)
    shutil.copy(HERE / "play.js", FOLDER)
    return FOLDER / "play.js"


class Server:
    def __init__(self, play: pathlib.Path):
        self.process = subprocess.Popen(["node", play, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def edge(play, tmp_path_factory):
    server = Server(play)
    edge = OneEdge(tmp_path_factory.mktemp("grpc"))
    config = edge.program.config
    config["pools"] += [
        {"name": "grpc", "protocol": "http2", "origins": [{"address": f"127.0.0.1:{server.port}"}]},
        {"name": "dead", "protocol": "http2", "origins": [{"address": f"127.0.0.1:{free_port()}"}]},
    ]
    config["services"][0]["routes"].append({"path": {"prefix": "/meridian.Play/"}, "proxy": {"pool": "grpc"}})
    config["services"] += [
        {"name": "dead", "hosts": [f"dead.{WWW[4:]}"], "routes": [{"path": {"prefix": "/"}, "proxy": {"pool": "dead"}}]},
        {"name": "bare", "hosts": [f"bare.{WWW[4:]}"], "routes": [{"path": {"prefix": "/else"}, "proxy": {"pool": "app"}}]},
    ]
    edge.program.write_config()
    yield edge.start()
    edge.stop()
    server.stop()


@pytest.fixture(params=["h2c", "tls"])
def ask(request, edge, play):
    def run(case: str, authority: str = WWW) -> dict:
        tls = request.param == "tls"
        target = edge.cluster.https("eu-west-1") if tls else edge.at
        done = subprocess.run(["node", play, "ask", target, authority, edge.cluster.authority.ca if tls else "-", case],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and done.stdout, done.stderr
        return json.loads(done.stdout)
    return run


def test_a_unary_call_has_metadata_at_both_ends(ask):
    got = ask("unary")
    assert got["code"] == 0 and got["answer"] == "hello", got
    assert got["first"]["x-first"] == "please"
    assert got["trailers"]["x-trailer"] == "at the end"
    assert got["blob"] == [0, 1, 255]


def test_an_empty_message_and_a_large_one_come_back(ask):
    assert ask("empty") == {"code": 0, "size": 0}
    assert ask("large") == {"code": 0, "size": 3_000_000, "same": True}


def test_a_server_streams(ask):
    got = ask("server_streams")
    assert (got["code"], got["count"], got["total"]) == (0, 500, 1_500_000)


def test_a_client_streams(ask):
    assert ask("client_streams") == {"code": 0, "answer": "500 1500000"}


def test_both_stream_in_turn(ask):
    got = ask("both_stream")
    assert (got["code"], got["count"]) == (0, 200)


def test_many_calls_share_a_connection(ask):
    assert ask("many") == {"good": 300}


def test_a_servers_error_reaches_the_caller_whole(ask):
    assert ask("fail") == {"code": 5, "details": "no such thing: 100% \u00fc", "why": "because"}


@pytest.mark.parametrize("name,code", [("dead", 14), ("bare", 12)])
def test_what_the_edge_refuses_has_a_status_of_grpc(ask, name, code):
    """gRPC's own mapping (http-grpc-status-mapping.md): 502 UNAVAILABLE, 404 UNIMPLEMENTED."""
    got = ask("refused", f"{name}.{WWW[4:]}")
    assert got["code"] == code and got["details"], got


def test_deadlines_and_cancellation_reach_the_server(play, tmp_path):
    """One server alone, for its counters."""
    server = Server(play)
    edge = OneEdge(tmp_path)
    edge.program.config["pools"].append({"name": "grpc", "protocol": "http2",
                                         "origins": [{"address": f"127.0.0.1:{server.port}"}]})
    edge.program.config["services"][0]["routes"].append(
        {"path": {"prefix": "/meridian.Play/"}, "proxy": {"pool": "grpc"}})
    edge.program.write_config()
    try:
        edge.start()
        for case, code, counts in (("deadline", 4, "1 1"), ("cancel", 1, "2 2")):
            done = subprocess.run(["node", play, "ask", edge.at, WWW, "-", case], capture_output=True, text=True,
                                  timeout=60, stdin=subprocess.DEVNULL)
            got = json.loads(done.stdout)
            assert (got["code"], got["count"], got["counts"]) == (code, 1, counts), got
        until(lambda: edge.metric("meridian_edge_requests_open") == 0, "nothing is left under way")
        assert edge.program.stop() == 0, edge.program.log()[-3000:]
    finally:
        edge.stop()
        server.stop()
