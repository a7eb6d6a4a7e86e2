# SPDX-License-Identifier: Apache-2.0
"""A cluster of real processes on loopback: regions of edges, GTMs, origins, all in one temporary folder.

Each cluster has a second octet of its own (127.A.region.number), so that several run side by side; ports
are free ones and the same for all members."""
import dataclasses
import itertools
import json
import os
import pathlib
import random
import re
import socket
import subprocess

from origin import Origin, plain
from program import Program, run_tool
from wait import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZONE_NAME = "meridian.example"
WWW = f"www.{ZONE_NAME}"

# Where regions are, and a client subnet of each that the bundled country database knows.
PLACES = {
    "eu-west": (53.35, -6.26, "193.1.0.0/24"),        # Dublin; an Irish university network
    "us-east": (38.95, -77.45, "128.8.0.0/24"),       # Virginia; the University of Maryland
    "ap-southeast": (1.35, 103.82, "165.21.0.0/24"),  # Singapore; a Singaporean carrier
}
CLIENTS = {region: place[2] for region, place in PLACES.items()}

ZONE = """\
$ORIGIN meridian.example.
$TTL 300
@       IN SOA ns1 hostmaster 1 3600 600 86400 60
        IN NS  ns1
        IN NS  ns2
        IN MX  10 mail
        IN TXT "three regions"
ns1     IN A   {gtm_1}
ns2     IN A   {gtm_2}
mail    IN A   192.0.2.25
        IN AAAA 2001:db8::25
alias   IN CNAME mail
""" + "".join(f'big IN TXT "{letter * 200}"\n' for letter in "abcdefghij")

_octets = itertools.count(32 + os.getpid() % 190)


def free_port() -> int:
    """A port that is free for UDP and TCP on loopback at this moment. Below those that the kernel gives to
    clients, so that no connection takes it before the server that it is for."""
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclasses.dataclass
class Ports:
    http: int = dataclasses.field(default_factory=free_port)
    https: int = dataclasses.field(default_factory=free_port)
    dns: int = dataclasses.field(default_factory=free_port)
    gossip: int = dataclasses.field(default_factory=free_port)
    admin: int = dataclasses.field(default_factory=free_port)


class Authority:
    """A demo certificate authority and what it issued."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                      "30", "-subj", "/CN=Meridian test authority", "-keyout", folder / "ca.key", "-out", self.ca)

    def _openssl(self, *words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=self.folder)

    def issue(self, *names: str) -> dict[str, str]:
        stem = self.folder / names[0].replace("*", "any")
        (self.folder / "ext").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                      f"/CN={names[0]}", "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                      "-CAcreateserial", "-days", "30", "-extfile", self.folder / "ext", "-out", f"{stem}.pem")
        return {"certificate": f"{stem}.pem", "key": f"{stem}.key"}


class Cluster:
    """`start()` brings up what was added; everything is stopped by `stop()`, by pid."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.ports = folder, Ports()
        self.octet = next(_octets) % 250 + 1
        self.authority = Authority(folder / "ca")
        self.certificate = self.authority.issue(WWW, f"*.{ZONE_NAME}")
        self.keys = folder / "keys"
        run_tool("meridianctl", "cluster", "init", self.keys)
        self.edges: dict[str, Program] = {}
        self.gtms: dict[str, Program] = {}
        self.origins: dict[str, Origin] = {}
        self.address: dict[str, str] = {}
        self.regions: list[str] = []

    # -- building ------------------------------------------------------------------------------

    def three_regions(self, edges: int = 2, gtms: int = 2) -> "Cluster":
        for region in PLACES:
            self.add_region(region, edges)
        for number in range(1, gtms + 1):
            self.add_gtm(f"gtm-{number}")
        return self

    def add_region(self, region: str, edges: int, origins: int = 1) -> None:
        self.regions.append(region)
        here = []
        for number in range(1, origins + 1):
            origin = Origin(f"{region}-origin-{number}")
            origin.answers["/health"] = plain("ok\n")
            origin.answers["/"] = plain(f"region={region} server={origin.name}\n")
            self.origins[origin.name] = origin
            here.append(origin)
        for number in range(1, edges + 1):
            self.add_edge(f"{region}-{number}", region, f"127.{self.octet}.{len(self.regions)}.{number}", here)

    def admit(self, name: str, region: str, role: str) -> pathlib.Path:
        identity = self.folder / name / "identity"
        run_tool("meridianctl", "cluster", "admit", self.keys, "--name", name, "--region", region, "--role", role,
                 "--out", identity)
        return identity

    def _common(self, name: str, region: str, role: str, address: str) -> dict:
        latitude, longitude, _ = PLACES.get(region, (0.0, 0.0, ""))
        return {
            "node": {"name": name, "region": region, "location": {"latitude": latitude, "longitude": longitude}},
            "cluster": {
                "listen": f"{address}:{self.ports.gossip}",
                "join": [f"{seed}:{self.ports.gossip}" for seed in self._seeds()],
                "keyring": str(self.keys / "cluster.keys"),
                "identity": str(self.admit(name, region, role)),
            },
            "admin": {"listen": f"{address}:{self.ports.admin}", "socket": str(self.folder / name / "admin.sock")},
            "process": {"takeover": str(self.folder / name / "takeover.sock")},
            "log": {"level": "info"},
        }

    def _seeds(self) -> list[str]:
        return [f"127.{self.octet}.0.1", f"127.{self.octet}.0.2"]

    def edge_config(self, name: str, region: str, address: str, origins: list[Origin]) -> dict:
        config = self._common(name, region, "edge", address)
        config["node"]["addresses"] = [address]
        config["node"]["capacity"] = {"requests_per_second": 1000}
        config.update({
            "workers": 2,
            "timeouts": {"drain_notice": "500ms", "drain": "10s"},
            "listeners": [
                {"name": "http", "address": f"{address}:{self.ports.http}"},
                {"name": "https", "address": f"{address}:{self.ports.https}",
                 "tls": {"certificates": [self.certificate]}},
            ],
            "pools": [{
                "name": "app",
                "origins": [{"address": origin.address} for origin in origins],
                "health_check": {"http": {"path": "/health"}, "interval": "200ms", "timeout": "1s", "rise": 2,
                                 "fall": 2},
            }],
            "services": [{"name": "web", "hosts": [WWW], "routes": [
                {"path": {"prefix": "/"}, "proxy": {"pool": "app"}}]}],
        })
        return config

    def add_edge(self, name: str, region: str, address: str, origins: list[Origin]) -> Program:
        self.address[name] = address
        edge = Program(name, "meridian-edge", self.edge_config(name, region, address, origins), self.folder)
        self.edges[name] = edge
        return edge

    def add_gtm(self, name: str) -> Program:
        address = f"127.{self.octet}.0.{len(self.gtms) + 1}"
        self.address[name] = address
        zone = self.folder / "zone"
        zone.write_text(ZONE.format(gtm_1=self._seeds()[0], gtm_2=self._seeds()[1]))
        config = self._common(name, "control", "gtm", address)
        del config["node"]["location"]
        config.update({
            "dns": {
                "listen": [f"{address}:{self.ports.dns}"],
                "workers": 2,
                "zones": [{"name": ZONE_NAME, "file": str(zone), "steer": [
                    {"name": WWW, "service": "web", "policy": "nearest", "ttl": "5s", "answers": 1}]}],
            },
            "regions": [
                {"name": region,
                 "location": {"latitude": PLACES[region][0], "longitude": PLACES[region][1]},
                 "addresses": [f"127.{self.octet}.{number}.0/24"]}
                for number, region in enumerate(self.regions, 1)],
            "geography": {"database": str(ROOT / "deploy/geo/country.mmdb")},
        })
        gtm = Program(name, "meridian-gtm", config, self.folder)
        self.gtms[name] = gtm
        return gtm

    # -- running -------------------------------------------------------------------------------

    @property
    def programs(self) -> list[Program]:
        return [*self.gtms.values(), *self.edges.values()]

    def start(self) -> "Cluster":
        for program in self.programs:
            program.start()
        return self

    def settle(self, deadline_s: float = 60) -> "Cluster":
        """Until every member sees every other alive, each edge's service among them, and each GTM sends each
        continent's client to its own region."""
        for member in self.programs:
            until(lambda: self.sees_all(member.name), f"{member.name} sees all members", deadline_s)
        for gtm in self.gtms:
            for region in self.regions:
                until(lambda: self.region_for(CLIENTS[region], gtm) == region,
                      f"{gtm} sends {CLIENTS[region]} to {region}", deadline_s)
        return self

    def sees_all(self, name: str) -> bool:
        members = self.status(name)["view"]["members"]
        return len(members) == len(self.programs) and all(
            member["state"] == "alive" and (member["name"] in self.gtms or member["services"])
            for member in members)

    def stop(self) -> None:
        for program in self.programs:
            if program.alive():
                program.kill()
        for origin in self.origins.values():
            origin.stop()

    # -- asking --------------------------------------------------------------------------------

    def dns(self, gtm: str) -> str:
        return f"{self.address[gtm]}:{self.ports.dns}"

    def https(self, edge: str) -> str:
        return f"{self.address[edge]}:{self.ports.https}"

    def http(self, edge: str) -> str:
        return f"{self.address[edge]}:{self.ports.http}"

    def admin(self, member: str) -> str:
        return f"{self.address[member]}:{self.ports.admin}"

    def region_of(self, address: str) -> str:
        _, octet, region, _ = address.split(".")
        assert int(octet) == self.octet, address
        return self.regions[int(region) - 1]

    def region_for(self, subnet: str, gtm: str = "gtm-1") -> str:
        from clients import dig
        answer = dig(self.dns(gtm), WWW, subnet=subnet)
        assert answer.status == "NOERROR" and len(answer.addresses) == 1, answer.text
        return self.region_of(answer.addresses[0])

    def edges_of(self, region: str) -> list[Program]:
        return [edge for edge in self.edges.values() if edge.config["node"]["region"] == region]

    def status(self, member: str) -> dict:
        from clients import curl
        answer = curl(f"http://{self.admin(member)}/status")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def metric(self, member: str, name: str) -> float:
        """The sum over all labels of one metric."""
        from clients import curl
        text = curl(f"http://{self.admin(member)}/metrics").body
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
        assert found, f"{name} is not among the metrics of {member}"
        return sum(map(float, found))
