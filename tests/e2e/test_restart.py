# SPDX-License-Identifier: Apache-2.0
"""Successors, reloads and stops while clients ask over HTTP/1.1 and HTTP/2, plain and over TLS: none of their
requests may fail. Beside test_life.py, which looks at a member of a cluster."""
import signal
import socket

import pytest

from cluster import WWW
from load import H2, Load, LoadH2, reach, tls_context
from one_edge import OneEdge
from origin import Peer, plain
from program import NotReady, Program, run_tool
from wait import until

REQUEST = b"GET /load HTTP/1.1\r\nHost: " + WWW.encode() + b"\r\n\r\n"


@pytest.fixture
def edge(tmp_path):
    edge = OneEdge(tmp_path, timeouts={"drain_notice": "1s", "drain": "20s"})
    edge.program.config["workers"] = 2
    edge.program.write_config()
    edge.origin.answers["/load"] = plain("loaded")
    edge.programs = [edge.program.start()]
    until(lambda: b" 200 " in edge.ask(b"GET / HTTP/1.0\r\nHost: " + WWW.encode() + b"\r\n\r\n"), "it serves")
    yield edge
    for program in edge.programs:
        program.kill()
    edge.stop()


class AllLoads:
    def __init__(self, edge, may_refuse=False):
        https, ca = edge.cluster.https("eu-west-1"), edge.cluster.authority.ca
        self.loads = {
            "plain": Load(edge.at, 2, may_refuse=may_refuse),
            "tls": Load(https, 2, tls_context(ca), may_refuse=may_refuse),
            "h2c": LoadH2(edge.at, 2, may_refuse=may_refuse),
            "h2": LoadH2(https, 2, tls_context(ca, "h2"), may_refuse=may_refuse),
        }

    def run(self, count=100):
        """Until each has had this many answers more."""
        before = {name: load.done for name, load in self.loads.items()}
        for name, load in self.loads.items():
            until(lambda: load.failed or load.done > before[name] + count, f"{name} is answered", 60)
            assert not load.failed, (name, load.failed)

    def end(self):
        ends = {name: load.end() for name, load in self.loads.items()}
        print({name: done for name, (done, _) in ends.items()})
        assert not any(failed for _, failed in ends.values()), {name: failed for name, (_, failed) in ends.items()}


def test_successors_take_over_again_and_again_without_a_failed_request(edge):
    loads = AllLoads(edge)
    try:
        loads.run()
        for _ in range(3):
            old = edge.programs[-1]
            edge.programs.append(Program("eu-west-1", "meridian-edge", old.config, edge.cluster.folder).start())
            loads.run()
            assert old.wait(60) == 0, old.log()[-3000:]
            loads.run()
    finally:
        loads.end()
    assert edge.programs[-1].stop() == 0


def test_a_successor_that_fails_to_start_leaves_the_old_one_serving(edge):
    loads = AllLoads(edge)
    try:
        loads.run()
        config = dict(edge.program.config, nonsense=1)
        broken = Program("eu-west-1", "meridian-edge", config, edge.cluster.folder)
        edge.programs.append(broken)
        with pytest.raises(NotReady):
            broken.start()
        assert broken.process.returncode == 78
        config.pop("nonsense")
        # One that takes the sockets and then finds a listener's address taken by someone else.
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            config["listeners"] = config["listeners"] + [
                {"name": "taken", "address": "127.0.0.1:%d" % holder.getsockname()[1]}]
            broken = Program("eu-west-1", "meridian-edge", config, edge.cluster.folder)
            edge.programs.append(broken)
            with pytest.raises(NotReady):
                broken.start()
        loads.run()
        assert edge.program.alive()
    finally:
        loads.end()


def test_sigterm_ends_all_protocols_without_a_failed_request(edge):
    loads = AllLoads(edge, may_refuse=True)
    try:
        loads.run()
        edge.program.signal(signal.SIGTERM)
        assert edge.program.wait(60) == 0, edge.program.log()[-3000:]
    finally:
        loads.end()


def test_reloads_under_load_fail_no_request(edge):
    loads = AllLoads(edge)
    stem = edge.cluster.certificate
    try:
        loads.run()
        for number in range(5):
            if number % 2:
                assert edge.cluster.authority.issue(WWW, "*.meridian.example") == stem, "the same files, new contents"
            edge.program.config["services"][0]["hosts"].append(f"number-{number}.example")
            edge.program.write_config()
            edge.program.signal(signal.SIGHUP)
            until(lambda: edge.metric("meridian_config_reloads_total") >= number + 1, "it is taken")
            loads.run(30)
    finally:
        loads.end()
    run_tool("meridian-edge", "--check", edge.program.path)


def test_reloads_close_no_idle_connection(edge):
    """nginx loses 30 of 64 at each."""
    context = tls_context(edge.cluster.authority.ca)
    at, https = reach(edge.at), edge.cluster.https("eu-west-1")
    plain_ones = [Peer(socket.create_connection(at, timeout=20)) for _ in range(64)]
    tls_ones = [Peer(context.wrap_socket(socket.create_connection(reach(https), timeout=20), server_hostname=WWW))
                for _ in range(64)]
    h2_ones = [H2(https, tls_context(edge.cluster.authority.ca, "h2")) for _ in range(16)]

    def use_all():
        for peer in plain_ones + tls_ones:
            peer.sock.sendall(REQUEST)
        for peer in plain_ones + tls_ones:
            assert peer.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ") and peer.exactly(6) == b"loaded"
        for conn in h2_ones:
            stream = conn.finish(conn.ask("/load"))
            assert stream.fields[":status"] == "200" and conn.goaway is None
    try:
        use_all()
        for number in range(5):
            edge.program.config["services"][0]["hosts"].append(f"number-{number}.example")
            edge.program.write_config()
            edge.program.signal(signal.SIGHUP)
            until(lambda: edge.metric("meridian_config_reloads_total") >= number + 1, "it is taken")
            if number == 2:
                use_all()
        use_all()
    finally:
        for peer in plain_ones + tls_ones:
            peer.sock.close()
        for conn in h2_ones:
            conn.close()
