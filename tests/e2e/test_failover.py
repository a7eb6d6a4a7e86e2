# SPDX-License-Identifier: Apache-2.0
"""What dies is steered around, what returns is used again, and there is always an answer."""
import signal

import pytest

from clients import curl, dig
from cluster import CLIENTS, WWW
from program import now_s
from wait import until


@pytest.fixture
def three_regions(empty_cluster):
    return empty_cluster.three_regions().start().settle()


def test_a_killed_region_moves_the_answer_and_its_return_moves_it_back(three_regions, capsys):
    cluster, subnet = three_regions, CLIENTS["eu-west"]
    killed_at = now_s()
    for edge in cluster.edges_of("eu-west"):
        edge.kill()
    for gtm in cluster.gtms:
        until(lambda: cluster.region_for(subnet, gtm) != "eu-west", f"{gtm} leaves the dead region")
        with capsys.disabled():
            print(f"\n{gtm}: from kill -9 of a region to a changed answer: {now_s() - killed_at:.2f} s")
    assert cluster.region_for(subnet) == "us-east", "the next nearest to Dublin is Virginia"
    for edge in cluster.edges_of("eu-west"):
        edge.start()
    until(lambda: cluster.region_for(subnet) == "eu-west", "the region is used again", 60)


def test_a_dead_edge_leaves_the_answer_while_its_region_stays(three_regions):
    cluster = three_regions
    cluster.edges["eu-west-1"].kill()
    subnets = [f"193.1.{number}.0/24" for number in range(32)]

    def all_at_the_other():
        chosen = {dig(cluster.dns("gtm-1"), WWW, subnet=subnet).addresses[0] for subnet in subnets}
        return chosen == {cluster.address["eu-west-2"]}
    until(all_at_the_other, "the dead edge's address leaves the answers")


def test_a_frozen_edge_is_found_dead(three_regions):
    """SIGSTOP: nothing is refused, nothing is answered."""
    cluster = three_regions
    for edge in cluster.edges_of("ap-southeast"):
        edge.signal(signal.SIGSTOP)
    until(lambda: cluster.region_for(CLIENTS["ap-southeast"]) != "ap-southeast", "the frozen region is left", 60)
    for edge in cluster.edges_of("ap-southeast"):
        edge.signal(signal.SIGCONT)
    until(lambda: cluster.region_for(CLIENTS["ap-southeast"]) == "ap-southeast", "the thawed region is back", 60)


def test_a_dead_gtm_leaves_the_other_answering(three_regions):
    cluster = three_regions
    cluster.gtms["gtm-1"].kill()
    for region, subnet in CLIENTS.items():
        assert cluster.region_for(subnet, "gtm-2") == region
    for edge in cluster.edges_of("us-east"):
        edge.kill()
    until(lambda: cluster.region_for(CLIENTS["us-east"], "gtm-2") != "us-east", "the other GTM still steers")
    cluster.gtms["gtm-1"].start()
    until(lambda: cluster.region_for(CLIENTS["us-east"], "gtm-1") not in (None, "us-east"),
          "the returned GTM learns what it missed", 60)


def test_a_service_that_is_down_inside_moves_its_clients(three_regions):
    """The edges live, but no origin behind them does."""
    cluster = three_regions
    cluster.origins["eu-west-origin-1"].stop()
    until(lambda: cluster.region_for(CLIENTS["eu-west"]) == "us-east", "the region without origins is left")
    answer = curl(f"http://{cluster.http('eu-west-1')}/", "-H", f"Host: {WWW}")
    assert answer.status == 503
    cluster.origins["eu-west-origin-1"].start()
    until(lambda: cluster.region_for(CLIENTS["eu-west"]) == "eu-west", "the region is used again")


def test_when_all_regions_are_down_answers_are_as_if_all_were_up(three_regions):
    cluster = three_regions
    for origin in cluster.origins.values():
        origin.stop()

    def all_down():
        services = [service for member in cluster.status("gtm-1")["view"]["members"]
                    for service in member.get("services", [])]
        return services and all(service["health"] == "down" for service in services)
    until(all_down, "every edge reports its service down")
    for region, subnet in CLIENTS.items():
        until(lambda: cluster.region_for(subnet) == region, "fail open: the nearest, as if all were up")


def test_before_anything_is_known_the_fallback_is_answered(empty_cluster):
    cluster = empty_cluster
    cluster.regions = list(CLIENTS)
    gtm = cluster.add_gtm("gtm-1")
    gtm.config["fallback"] = {WWW: ["127.9.9.9"]}
    gtm.write_config()
    gtm.start()
    assert dig(cluster.dns("gtm-1"), WWW, subnet=CLIENTS["eu-west"]).addresses == ["127.9.9.9"]


def test_without_a_fallback_servfail_says_why(empty_cluster):
    """RFC 8914: an extended error stands beside the SERVFAIL."""
    cluster = empty_cluster
    cluster.regions = list(CLIENTS)
    cluster.add_gtm("gtm-1").start()
    answer = dig(cluster.dns("gtm-1"), WWW)
    assert answer.status == "SERVFAIL"
    assert "EDE:" in answer.text
    assert dig(cluster.dns("gtm-1"), f"mail.{WWW.split('.', 1)[1]}").addresses == ["192.0.2.25"]


def test_an_edge_cannot_point_the_name_at_a_stranger(empty_cluster):
    """The GTM answers only addresses that its configuration allows that region to have."""
    cluster = empty_cluster
    cluster.add_region("eu-west", 2)
    cluster.add_gtm("gtm-1")
    rogue = cluster.edges["eu-west-2"]
    rogue.config["node"]["addresses"] = ["198.51.100.66"]
    rogue.write_config()
    cluster.start().settle()
    until(lambda: any(member["name"] == "eu-west-2" and member["state"] == "alive"
                      for member in cluster.status("gtm-1")["view"]["members"]), "the rogue is a member")
    for number in range(32):
        assert dig(cluster.dns("gtm-1"), WWW, subnet=f"193.1.{number}.0/24").addresses == \
            [cluster.address["eu-west-1"]]
