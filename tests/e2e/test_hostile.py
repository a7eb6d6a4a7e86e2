# SPDX-License-Identifier: Apache-2.0
"""Malformed packets to every port do no harm; a stranger to the cluster stays one."""
import random
import socket

import pytest

from clients import curl, dig
from cluster import CLIENTS, WWW, ZONE_NAME, Cluster
from wait import until

SEED = 20261123


def noise(rng: random.Random, samples: list[bytes]) -> bytes:
    """Random bytes, or a real message with some of its bytes changed, cut or doubled."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(1, 1400))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(1, 8)):
        kind = rng.randrange(3)
        if kind == 0 and data:
            data[rng.randrange(len(data))] = rng.randrange(256)
        elif kind == 1 and data:
            del data[rng.randrange(len(data)):]
        else:
            data += data[:rng.randrange(len(data) + 1)]
    return bytes(data[:1400]) or b"\0"


DNS_QUERY = (b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x08meridian\x07example\x00\x00\x01\x00\x01"
             b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x0b\x00\x08\x00\x07\x00\x01\x18\x00\xc1\x01\x00")
HTTP_REQUEST = b"GET / HTTP/1.1\r\nHost: www.meridian.example\r\nContent-Length: 3\r\n\r\nabc"
TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(200))


def pids(cluster):
    return [program.pid for program in cluster.programs if program.alive()]


def spray_udp(address, samples, n, seed):
    rng = random.Random(seed)
    host, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(n):
            sock.sendto(noise(rng, samples), (host, int(port)))


def spray_tcp(address, samples, n, seed):
    rng = random.Random(seed)
    host, port = address.rsplit(":", 1)
    for _ in range(n):
        try:
            with socket.create_connection((host, int(port)), timeout=5) as sock:
                sock.sendall(noise(rng, samples))
        except OSError:
            pass


def test_malformed_packets_to_every_port_do_no_harm(cluster):
    before = pids(cluster)
    n = 300
    for gtm in cluster.gtms:
        spray_udp(cluster.dns(gtm), [DNS_QUERY], 3 * n, SEED)
        spray_tcp(cluster.dns(gtm), [len(DNS_QUERY).to_bytes(2) + DNS_QUERY], n, SEED)
    for edge in ("eu-west-1", "us-east-2"):
        spray_tcp(cluster.http(edge), [HTTP_REQUEST], n, SEED)
        spray_tcp(cluster.https(edge), [TLS_HELLO], n, SEED)
    for member in ("gtm-1", "eu-west-1"):
        gossip = f"{cluster.address[member]}:{cluster.ports.gossip}"
        spray_udp(gossip, [bytes(44) + b"x" * 100, b"\x01\x00" + bytes(60)], 3 * n, SEED)
        spray_tcp(gossip, [b"\x00\x00\x00\x40" + bytes(64), b"\xff\xff\xff\xff"], n, SEED)
        spray_tcp(cluster.admin(member), [b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                          b"POST /drain HTTP/1.1\r\nHost: x\r\n\r\n"], n, SEED)
    assert pids(cluster) == before, "everybody lives"
    for region, subnet in CLIENTS.items():
        assert cluster.region_for(subnet) == region
    assert curl(f"http://{cluster.http('eu-west-1')}/", "-H", f"Host: {WWW}").status == 200
    dropped = cluster.metric("gtm-1", "meridian_cluster_rejected_total")
    assert dropped >= 1, "what does not authenticate is counted"
    states = {member["state"] for member in cluster.status("gtm-1")["view"]["members"]}
    assert states == {"alive"}


def ask_raw(address, packet):
    host, port = address.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(packet, (host, int(port)))
        try:
            return sock.recv(4096)
        except TimeoutError:
            return None


def test_malformed_dns_gets_formerr_or_silence(cluster):
    server = cluster.dns("gtm-1")
    no_question = DNS_QUERY[:4] + b"\x00\x00" + DNS_QUERY[6:12]
    answer = ask_raw(server, no_question)
    assert answer and answer[:2] == b"\x12\x34" and answer[3] & 15 == 1, "FORMERR"
    assert ask_raw(server, DNS_QUERY[:5]) is None, "no ID can be read from less than a head"
    response = DNS_QUERY[:2] + b"\x80" + DNS_QUERY[3:]
    assert ask_raw(server, response) is None, "a response is never answered"
    notify = DNS_QUERY[:2] + b"\x20" + DNS_QUERY[3:]
    assert ask_raw(server, notify)[3] & 15 == 4, "NOTIMP"
    bad_ecs = DNS_QUERY[:-3] + b"\xc1\x01\xff"
    assert ask_raw(server, bad_ecs)[3] & 15 == 0
    set_bits = DNS_QUERY.replace(b"\x00\x01\x18\x00\xc1\x01\x00", b"\x00\x01\x14\x00\xc1\x01\x0f")
    assert ask_raw(server, set_bits)[3] & 15 == 1, "bits past the prefix (RFC 7871 6)"
    version = DNS_QUERY.replace(b"\x00\x00\x29\x10\x00\x00\x00", b"\x00\x00\x29\x10\x00\x00\x01")
    assert "BADVERS" in dig(server, WWW, "A", "+edns=1", "+noednsneg").text
    assert ask_raw(server, version)


def test_changing_things_needs_the_unix_socket(cluster):
    admin = cluster.admin("eu-west-1")
    assert curl(f"http://{admin}/drain?on=1", "-X", "POST").status == 403
    assert curl(f"http://{admin}/status", "-H", "Host: evil.example").status == 403, "DNS rebinding"
    assert cluster.region_for(CLIENTS["eu-west"]) == "eu-west"


@pytest.fixture
def stranger(cluster, tmp_path):
    """An edge of another cluster, with keys of its own, that was told to join this one."""
    other = Cluster(tmp_path)
    other.ports = cluster.ports
    other.add_region("eu-west", 1)
    edge = other.edges["eu-west-1"]
    edge.config["cluster"]["join"] = [f"{cluster.address['gtm-1']}:{cluster.ports.gossip}"]
    edge.write_config()
    yield edge.start()
    other.stop()


def test_a_wrong_cluster_key_is_told_refused_and_counted(cluster, stranger):
    until(lambda: stranger.says("cluster.refused"), "the stranger is told in its own log")
    until(lambda: cluster.metric("gtm-1", "meridian_cluster_rejected_total") >= 1, "it is counted")
    members = cluster.status("gtm-1")["view"]["members"]
    assert len(members) == len(cluster.programs)


def test_an_answer_that_does_not_fit_is_truncated_and_comes_whole_over_tcp(cluster):
    """2,000 bytes of TXT: over any size that is answered over UDP."""
    server, name = cluster.dns("gtm-1"), f"big.{ZONE_NAME}"
    cut = dig(server, name, "TXT", "+ignore", "+bufsize=4096")
    assert "tc" in cut.flags.split() and "ANSWER: 0" in cut.text
    whole = dig(server, name, "TXT")
    assert "tc" not in whole.flags.split() and "ANSWER: 10" in whole.text
