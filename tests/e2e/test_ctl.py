# SPDX-License-Identifier: Apache-2.0
"""meridianctl: what an operator sees at three in the morning."""
import json

from clients import curl, dig
from cluster import CLIENTS, WWW
from program import run_tool
from wait import until


def test_status_shows_members_regions_services_health_and_load(cluster):
    out = run_tool("meridianctl", "status", "--admin", cluster.admin("gtm-1"))
    for name in [*cluster.edges, *cluster.gtms]:
        assert name in out
    for word in ("MEMBER", "REGION", "STATE", "alive", "web", "up", "us-east"):
        assert word in out, out
    assert all(len(line) <= 140 for line in out.splitlines()), "a terminal's width"


def test_status_is_json_on_request(cluster):
    status = json.loads(run_tool("meridianctl", "status", "--json", "--admin", cluster.admin("eu-west-1")))
    assert {member["name"] for member in status["view"]["members"]} == {*cluster.edges, *cluster.gtms}


def test_explain_says_which_region_and_why(cluster):
    for region, subnet in CLIENTS.items():
        out = run_tool("meridianctl", "explain", WWW, "--client", subnet, "--admin", cluster.admin("gtm-1"))
        address = dig(cluster.dns("gtm-1"), WWW, subnet=subnet).addresses[0]
        assert region in out and address in out and "km" in out, out


def test_explain_of_an_unknown_name_fails_with_the_known_ones(cluster):
    out = run_tool("meridianctl", "explain", "nowhere.example", "--client", "192.0.2.0/24", "--admin",
                   cluster.admin("gtm-1"), status=1)
    assert WWW in out


def test_drain_takes_an_edge_out_and_back(cluster):
    socket_path = cluster.folder / "ap-southeast-1" / "admin.sock"
    subnets = [f"165.21.{number}.0/24" for number in range(24)]

    def chosen():
        return {dig(cluster.dns("gtm-1"), WWW, subnet=subnet).addresses[0] for subnet in subnets}
    both = {cluster.address["ap-southeast-1"], cluster.address["ap-southeast-2"]}
    assert chosen() == both
    run_tool("meridianctl", "drain", "on", "--admin", f"unix:{socket_path}")
    until(lambda: chosen() == {cluster.address["ap-southeast-2"]}, "the drained edge leaves the answers")
    assert curl(f"http://{cluster.http('ap-southeast-1')}/", "-H", f"Host: {WWW}").status == 200, "it still serves"
    run_tool("meridianctl", "drain", "off", "--admin", f"unix:{socket_path}")
    until(lambda: chosen() == both, "it is used again")


def test_a_member_that_cannot_be_reached_is_said(tmp_path):
    out = run_tool("meridianctl", "status", "--admin", "127.0.0.1:1", status=1)
    assert "127.0.0.1:1" in out


def test_metrics_are_prometheus_text(cluster):
    for member in ("gtm-1", "eu-west-1"):
        answer = curl(f"http://{cluster.admin(member)}/metrics")
        assert answer.status == 200
        names = [line.split()[2] for line in answer.body.splitlines() if line.startswith("# TYPE ")]
        assert names and len(names) == len(set(names)) and all(name.startswith("meridian_") for name in names)
    assert curl(f"http://{cluster.admin('gtm-1')}/healthz").body.strip() == "ok"
