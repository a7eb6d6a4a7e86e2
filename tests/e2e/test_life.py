# SPDX-License-Identifier: Apache-2.0
"""The life of the programs: bad configurations, busy ports, reload, drain, a successor that takes over."""
import concurrent.futures
import re
import signal
import socket
import threading

import pytest

from clients import curl, dig
from cluster import CLIENTS, WWW, ZONE_NAME, Cluster
from load import Load
from origin import plain
from program import NotReady, Program, run_tool
from wait import until


@pytest.fixture
def one_region(empty_cluster):
    cluster = empty_cluster
    cluster.add_region("eu-west", 2)
    cluster.add_gtm("gtm-1")
    for origin in cluster.origins.values():
        origin.answers["/load"] = plain("loaded")
        origin.answers["/slow"] = slow
    return cluster.start().settle()


def slow(seen, peer):
    """Begins to answer at once and ends when the test says so."""
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nslow")
    slow.go_on.wait(20)
    peer.sock.sendall(b"done")


slow.go_on = threading.Event()


def test_sigterm_drains_without_a_failed_request(one_region):
    cluster = one_region
    edge = cluster.edges["eu-west-1"]
    slow.go_on.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        begun = pool.submit(curl, f"http://{cluster.http('eu-west-1')}/slow", "-H", f"Host: {WWW}")
        until(lambda: cluster.origins["eu-west-origin-1"].requests("/slow"), "the slow request is under way")
        load = Load(cluster.http("eu-west-1"), may_refuse=True)
        until(lambda: load.done > 200, "the load runs")
        edge.signal(signal.SIGTERM)
        until(lambda: {dig(cluster.dns("gtm-1"), WWW, subnet=f"193.1.{n}.0/24").addresses[0] for n in range(16)} ==
              {cluster.address["eu-west-2"]}, "the draining edge leaves the answers")
        slow.go_on.set()
        assert edge.wait() == 0
        assert begun.result().body == "slowdone"
    done, failed = load.end()
    assert not failed, failed
    assert done > 200


def test_a_successor_takes_the_sockets_over_without_a_failed_request(one_region):
    cluster = one_region
    old = cluster.edges["eu-west-1"]
    load = Load(cluster.http("eu-west-1"))
    until(lambda: load.done > 200, "the load runs")
    new = Program("eu-west-1", "meridian-edge", old.config, cluster.folder).start()
    cluster.edges["eu-west-1-new"] = new
    assert old.wait() == 0
    before = load.done
    until(lambda: load.done > before + 200, "the successor serves")
    done, failed = load.end()
    assert not failed, failed
    members = {member["name"]: member["state"] for member in cluster.status("gtm-1")["view"]["members"]}
    assert members["eu-west-1"] == "alive", "the member lives on in its successor"


def test_a_gtm_is_succeeded_without_a_lost_answer(one_region):
    cluster = one_region
    old = cluster.gtms["gtm-1"]
    stop, lost, asked = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            try:
                asked.append(dig(cluster.dns("gtm-1"), f"mail.{ZONE_NAME}").addresses == ["192.0.2.25"])
            except AssertionError as error:
                lost.append(str(error))
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(asked) > 20, "queries are answered")
    new = Program("gtm-1", "meridian-gtm", old.config, cluster.folder).start()
    cluster.gtms["gtm-1-new"] = new
    assert old.wait() == 0
    before = len(asked)
    until(lambda: len(asked) > before + 20, "the successor answers")
    stop.set()
    for thread in threads:
        thread.join()
    assert not lost and all(asked)


def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(one_region):
    cluster = one_region
    edge = cluster.edges["eu-west-1"]
    url = f"http://{cluster.http('eu-west-1')}/load"
    assert curl(url, "-H", "Host: new.example").status == 421
    edge.config["services"][0]["hosts"].append("new.example")
    edge.write_config()
    edge.signal(signal.SIGHUP)
    until(lambda: curl(url, "-H", "Host: new.example").status == 200, "the new host is served")
    edge.path.write_text("services: [{name: broken}]\nnonsense: 1\n")
    edge.signal(signal.SIGHUP)
    until(lambda: cluster.metric("eu-west-1", "meridian_config_reloads_failed_total") == 1, "the failure is counted")
    assert "nonsense" in edge.log()
    assert curl(url, "-H", "Host: new.example").status == 200, "the old configuration goes on"


def test_a_changed_zone_is_served_after_a_reload_and_a_broken_one_is_not(one_region):
    cluster = one_region
    gtm = cluster.gtms["gtm-1"]
    zone = cluster.folder / "zone"
    good = zone.read_text()
    zone.write_text(good.replace("hostmaster 1 ", "hostmaster 2 ") + "new IN A 192.0.2.77\n")
    gtm.signal(signal.SIGHUP)
    until(lambda: dig(cluster.dns("gtm-1"), f"new.{ZONE_NAME}").addresses == ["192.0.2.77"], "the new name is served")
    zone.write_text(good + "broken IN A not-an-address\n")
    gtm.signal(signal.SIGHUP)
    until(lambda: cluster.metric("gtm-1", "meridian_config_reloads_failed_total") >= 1, "the failure is counted")
    assert dig(cluster.dns("gtm-1"), f"new.{ZONE_NAME}").addresses == ["192.0.2.77"]


BAD_EDGE = """\
node:
  name: eu-west-1
  region: eu-west
workers: many
listeners:
  - name: http
    address: 127.0.0.1
pools:
  - name: app
    origins: [{address: "127.0.0.1:1"}]
    health_check: {http: {path: /h}, interval: 30 parsecs}
servces: []
services:
  - name: web
    hosts: [www.example]
    routes:
      - {path: {prefix: /}, proxy: {pool: ap}}
"""


@pytest.mark.parametrize("check", [True, False])
def test_a_wrong_configuration_gets_every_error_with_its_place_and_starts_nothing(tmp_path, check):
    path = tmp_path / "edge.yaml"
    path.write_text(BAD_EDGE)
    out = run_tool("meridian-edge", *(["--check"] if check else []), path, status=78)
    found = re.findall(r"edge\.yaml:(\d+):(\d+): (.*)", out)
    lines = [int(line) for line, _, _ in found]
    assert lines == sorted(lines)
    for line, word in ((4, "many"), (7, "127.0.0.1"), (11, "30 parsecs"), (12, "services"), (17, "app")):
        assert any(int(at) == line and word in text for at, _, text in found), f"line {line}: {word}\n{out}"


def test_a_wrong_gtm_configuration_is_told_likewise(tmp_path):
    path = tmp_path / "gtm.yaml"
    (tmp_path / "zone").write_text("@ IN SOA ns1 h 1 2 3 4 5\nx IN A nowhere\n")
    path.write_text("node: {name: g, region: r}\ndns:\n  listen: [127.0.0.1:99999]\n  zones:\n"
                    "    - {name: example.test, file: zone}\n    - {name: example.org, file: missing}\nregion: []\n")
    out = run_tool("meridian-gtm", "--check", path, status=78)
    assert "gtm.yaml:3:" in out and "gtm.yaml:6:" in out and "gtm.yaml:7:" in out and "regions" in out
    assert re.search(r"zone:2", out), out


def test_a_right_configuration_passes_the_check(empty_cluster):
    cluster = empty_cluster.three_regions(edges=1, gtms=1)
    run_tool("meridian-edge", "--check", cluster.edges["eu-west-1"].path)
    run_tool("meridian-gtm", "--check", cluster.gtms["gtm-1"].path)


def test_a_missing_file_is_said(tmp_path):
    assert "nowhere.yaml" in run_tool("meridian-edge", tmp_path / "nowhere.yaml", status=78)


def test_a_busy_port_is_named_with_who_holds_it(empty_cluster):
    cluster = empty_cluster
    cluster.add_region("eu-west", 1)
    edge = cluster.edges["eu-west-1"]
    host, port = cluster.http("eu-west-1").split(":")
    with socket.socket() as holder:
        holder.bind((host, int(port)))
        holder.listen()
        with pytest.raises(NotReady):
            edge.start()
    assert edge.process.returncode != 0
    assert f"{host}:{port}" in edge.log()
    assert "python" in edge.log() or str(holder.fileno()) in edge.log(), "the log says who holds it"


def test_no_geography_file_gives_the_configured_order_and_one_warning(empty_cluster):
    cluster = empty_cluster.three_regions(edges=1, gtms=1)
    gtm = cluster.gtms["gtm-1"]
    gtm.config["geography"]["database"] = str(cluster.folder / "missing.mmdb")
    gtm.write_config()
    cluster.start()
    for subnet in CLIENTS.values():
        until(lambda: cluster.region_for(subnet) == "eu-west", "the first configured region", 60)
    assert len(re.findall(r"^\S+ warn geo", gtm.log(), re.M)) == 1, gtm.log()


def test_every_program_frees_what_it_took(empty_cluster):
    """Under the address sanitizer a leak makes the exit status non-zero."""
    cluster = empty_cluster
    cluster.add_region("eu-west", 1)
    cluster.add_gtm("gtm-1")
    cluster.start().settle()
    for program in cluster.programs:
        assert program.stop() == 0, program.log()[-3000:]
