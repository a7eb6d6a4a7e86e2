# SPDX-License-Identifier: Apache-2.0
"""Names are answered: static ones from the zone file, steered ones by the nearest healthy region."""
import subprocess

import pytest

from clients import curl, dig
from cluster import CLIENTS, WWW, ZONE_NAME, free_port
from wait import until


@pytest.mark.parametrize("region", CLIENTS)
@pytest.mark.parametrize("gtm", ["gtm-1", "gtm-2"])
def test_a_subnet_of_each_continent_gets_its_own_region(cluster, gtm, region):
    assert cluster.region_for(CLIENTS[region], gtm) == region


def test_a_client_fetches_over_tls_by_the_answered_address(cluster):
    for region, subnet in CLIENTS.items():
        address = dig(cluster.dns("gtm-1"), WWW, subnet=subnet).addresses[0]
        port = cluster.ports.https
        answer = curl(f"https://{WWW}:{port}/", "--cacert", str(cluster.authority.ca),
                      "--resolve", f"{WWW}:{port}:{address}")
        assert (answer.status, answer.exit) == (200, 0), answer
        assert f"region={region} " in answer.body


def test_an_unknown_authority_is_noticed_by_the_client(cluster):
    port = cluster.ports.https
    address = cluster.address["eu-west-1"]
    answer = curl(f"https://{WWW}:{port}/", "--resolve", f"{WWW}:{port}:{address}")
    assert answer.exit == 60, "curl must not trust the demo authority by itself"


def test_both_edges_of_a_region_are_used_and_each_prefix_keeps_its_own(cluster):
    """Inside a region the edge is chosen by hash of the prefix."""
    chosen = {}
    for number in range(64):
        subnet = f"193.1.{number}.0/24"
        first = dig(cluster.dns("gtm-1"), WWW, subnet=subnet).addresses
        again = dig(cluster.dns("gtm-2"), WWW, subnet=subnet).addresses
        assert first == again, "two GTMs must choose alike"
        chosen[subnet] = first[0]
    assert set(chosen.values()) == {cluster.address["eu-west-1"], cluster.address["eu-west-2"]}


def test_the_answer_has_the_ttl_of_the_configuration_and_a_scope(cluster):
    answer = dig(cluster.dns("gtm-1"), WWW, subnet=CLIENTS["eu-west"])
    assert " 5\tIN\tA" in answer.text or "\t5\tIN\tA" in answer.text
    assert answer.scope is not None and 0 < answer.scope <= 24
    assert "aa" in answer.flags.split()


def test_a_client_that_hides_its_address_gets_scope_zero(cluster):
    """RFC 7871 7.1.2: source prefix length 0."""
    answer = dig(cluster.dns("gtm-1"), WWW, subnet="0.0.0.0/0")
    assert answer.status == "NOERROR" and len(answer.addresses) == 1
    assert answer.scope == 0


def test_neighbouring_prefixes_inside_the_scope_get_the_same_region(cluster):
    """The scope is the shortest prefix around the client in which no deeper leaf exists."""
    import ipaddress
    for subnet in [*CLIENTS.values(), "9.9.9.0/24", "41.0.0.0/24", "200.160.0.0/24", "2001:770::/48"]:
        answer = dig(cluster.dns("gtm-1"), WWW, subnet=subnet)
        region = cluster.region_of(answer.addresses[0])
        scope = answer.scope
        network = ipaddress.ip_network(subnet).supernet(new_prefix=min(scope, ipaddress.ip_network(subnet).prefixlen))
        inside = [network[0], network[-1], network[network.num_addresses // 2]]
        bits = 24 if network.version == 4 else 48
        for address in inside:
            near = ipaddress.ip_network((address, bits), strict=False)
            assert cluster.region_for(str(near)) == region, f"{near} is inside {network} but is sent elsewhere"


def test_static_names_come_from_the_zone_file(cluster):
    server = cluster.dns("gtm-1")
    assert "ns1.meridian.example. hostmaster.meridian.example. 1 3600" in dig(server, ZONE_NAME, "SOA").text
    assert sorted(dig(server, ZONE_NAME, "NS").addresses) == [f"ns1.{ZONE_NAME}.", f"ns2.{ZONE_NAME}."]
    assert "10 mail.meridian.example." in dig(server, ZONE_NAME, "MX").text
    assert '"three regions"' in dig(server, ZONE_NAME, "TXT").text
    assert dig(server, f"mail.{ZONE_NAME}", "AAAA").addresses == ["2001:db8::25"]
    alias = dig(server, f"alias.{ZONE_NAME}")
    assert "CNAME" in alias.text and alias.addresses == ["192.0.2.25"]


def test_what_is_not_there_is_denied_with_the_soa(cluster):
    server = cluster.dns("gtm-1")
    nowhere = dig(server, f"nowhere.{ZONE_NAME}")
    assert nowhere.status == "NXDOMAIN" and "SOA" in nowhere.text
    no_such_type = dig(server, f"mail.{ZONE_NAME}", "TXT")
    assert no_such_type.status == "NOERROR" and "ANSWER: 0" in no_such_type.text and "SOA" in no_such_type.text
    steered_without = dig(server, WWW, "MX")
    assert steered_without.status == "NOERROR" and "SOA" in steered_without.text
    assert dig(server, "example.org").status == "REFUSED"


def test_tcp_answers_what_udp_answers(cluster):
    server = cluster.dns("gtm-1")
    udp, tcp = dig(server, ZONE_NAME, "NS"), dig(server, ZONE_NAME, "NS", "+tcp")
    assert udp.addresses == tcp.addresses


def test_the_case_of_the_question_comes_back(cluster):
    assert "wWw.MeRiDiAn.ExAmPlE." in dig(cluster.dns("gtm-1"), "wWw.MeRiDiAn.ExAmPlE").text


UNBOUND = """\
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: "{folder}/unbound.pid"
  interface: 127.0.0.1@{port}
  do-not-query-localhost: no
  use-syslog: no
  logfile: "{folder}/unbound.log"
  module-config: "subnetcache iterator"
  client-subnet-zone: "{zone}"
  client-subnet-always-forward: yes
  max-client-subnet-ipv4: 24
  send-client-subnet: 127.0.0.0/8
  local-zone: "example." nodefault
  domain-insecure: "example."
remote-control:
  control-enable: no
stub-zone:
  name: "{zone}"
  stub-addr: {gtm_1}
  stub-addr: {gtm_2}
"""


@pytest.fixture
def unbound(cluster, tmp_path):
    """unbound as the recursive resolver, its subnet module on, with our GTMs as the zone's servers."""
    port = free_port()
    config = tmp_path / "unbound.conf"
    config.write_text(UNBOUND.format(folder=tmp_path, port=port, zone=ZONE_NAME,
                                     gtm_1=cluster.dns("gtm-1").replace(":", "@"),
                                     gtm_2=cluster.dns("gtm-2").replace(":", "@")))
    process = subprocess.Popen(["unbound", "-d", "-c", config], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = f"127.0.0.1:{port}"
    try:
        until(lambda: dig(server, f"mail.{ZONE_NAME}").addresses, "unbound answers")
        yield server
    finally:
        process.kill()
        process.wait()


def test_a_recursive_resolver_gets_the_region_of_its_client(cluster, unbound):
    for region, subnet in CLIENTS.items():
        answer = dig(unbound, WWW, subnet=subnet)
        assert answer.status == "NOERROR", answer.text
        assert cluster.region_of(answer.addresses[0]) == region
    assert dig(unbound, f"nowhere.{ZONE_NAME}").status == "NXDOMAIN"
