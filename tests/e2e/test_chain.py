# SPDX-License-Identifier: Apache-2.0
"""Two edges in a row, the second one the first one's origin over HTTP/2, under all that mix.py has of clients and
origins, good and bad: beside test_soak.py, which has one edge. One minute, or ten with --long, with reloads
and log rotations between. No request may fail, neither process may grow between the half and the end, and each
drains and ends with 0: under the sanitizers, without a leak."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import mix
from cluster import WWW, free_port
from one_edge import OneEdge
from program import Program
from wait import until

SECONDS = 600 if os.environ.get("MERIDIAN_LONG") == "1" else 60
EVERY_S = 5  # a reload and a rotation


class Watched:
    """What a process holds, once a second."""

    def __init__(self, program: Program):
        self.program, self.kb, self.fds = program, [], []

    def look(self) -> None:
        assert self.program.alive(), f"{self.program.name} has ended:\n{self.program.log()[-6000:]}"
        pid = self.program.pid
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        self.kb.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]))
        self.fds.append(len(os.listdir(f"/proc/{pid}/fd")))

    def judge(self) -> None:
        """What it holds at most in the last quarter, beside what it held at most in the second one. What glibc
        or the sanitizer keeps for later differs by some megabytes from one burst to the next; small leaks are the
        leak sanitizer's."""
        quarter = len(self.kb) // 4
        for what, values, room in (("KiB", self.kb, 24 << 10), ("descriptors", self.fds, 150)):
            early, late = max(values[quarter:2 * quarter]), max(values[-quarter:])
            print(f"{self.program.name}: {what} {early} at half, {late} at the end")
            assert late <= early * 1.15 + room, (what, values[::max(1, len(values) // 60)])


def edges(folder: pathlib.Path) -> tuple[OneEdge, Program]:
    front = OneEdge(folder, timeouts={"client_header": "5s", "drain_notice": "500ms", "drain": "10s", "linger": "500ms"})
    config = front.program.config
    front.origin.stop()
    front.origin = front.cluster.origins["soak"] = mix.origin()
    config["workers"] = 2
    app = {"name": "app", "origins": [{"address": front.origin.address}], "first_byte_timeout": "1s",
           "idle_timeout": "2s"}
    config["pools"] = [app]
    back_at = f"127.0.0.1:{free_port()}"
    back = Program("back", "meridian-edge", {
        **config, "node": {"name": "back", "region": "eu-west"}, "workers": 1,
        "listeners": [{"name": "http", "address": back_at}],
        "admin": {"listen": f"127.0.0.1:{free_port()}"}, "access_log": {"file": str(folder / "back" / "access.log")},
        "process": {}}, folder)
    config["pools"] = [app, {"name": "over2", "protocol": "http2", "origins": [{"address": back_at}],
                             "first_byte_timeout": "3s", "idle_timeout": "2s"}]
    config["services"][0]["routes"].append({"path": {"prefix": "/over2"}, "proxy": {"pool": "over2"}})
    front.program.write_config()
    return front, back


def disturb(program: Program) -> None:
    (program.folder / "access.log").unlink(missing_ok=True)
    program.signal(signal.SIGUSR1)
    program.signal(signal.SIGHUP)


def step(watched: list[Watched], begun: float) -> bool:
    for each in watched:
        each.look()
    if len(watched[0].kb) % EVERY_S == 0:
        for each in watched:
            disturb(each.program)
    return time.monotonic() - begun >= SECONDS or not all(each.program.alive() for each in watched)


def test_two_edges_in_a_row_live_through_all_kinds_of_clients(tmp_path, monkeypatch):
    # Freed memory that the sanitizer keeps back to find late uses would hide what grows.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8")
    front, back = edges(tmp_path)
    helpers = []
    try:
        back.start()
        front.program.start()
        https, ca = front.cluster.https("eu-west-1"), front.cluster.authority.ca
        until(lambda: front.metric("meridian_edge_origins_up") >= 1, "the origins are known")
        mixer = subprocess.Popen([sys.executable, pathlib.Path(mix.__file__), front.at, https, ca, "1"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        bulk = subprocess.Popen(
            ["h2load", "-D", str(SECONDS), "-c", "4", "-m", "8", "--rps", "25", "--connect-to", https,
             f"https://{WWW}:{https.rsplit(':', 1)[1]}/small"], stdout=subprocess.PIPE, text=True)
        helpers += [mixer, bulk]
        watched = [Watched(front.program), Watched(back)]
        begun = time.monotonic()
        until(lambda: step(watched, begun), "the soak is over", SECONDS + 30, 1.0)
        bulk_says, _ = bulk.communicate(timeout=60)
        result = json.loads(mixer.communicate(timeout=120)[0])
        print(result["done"], f"{int(front.metric('meridian_edge_requests_total'))} requests")
        assert not result["failed"] and not result["stuck"], result
        assert min(result["done"].values()) > 0, result["done"]
        failed = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", bulk_says)
        assert failed and failed.groups() == ("0", "0", "0") and " 0 2xx" not in bulk_says, bulk_says
        for name in ("connections_open", "requests_open", "tunnels_open", "origin_connections_kept"):
            until(lambda: front.metric(f"meridian_edge_{name}") == 0, f"{name} is 0 again")
        for each in watched:
            each.judge()
        for program in (front.program, back):
            assert program.stop(60) == 0, program.log()[-6000:]
            assert not re.search(r"runtime error|Sanitizer|MUST", program.log()), program.log()[-6000:]
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()
            helper.stdout.close()
        back.kill()
        front.stop()
