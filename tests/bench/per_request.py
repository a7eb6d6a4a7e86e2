#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a proxy asks of the kernel and of the heap for one request, in steady state.

    tests/bench/per_request.py REFEREE_FOLDER TARGET.json... --build FOLDER [--seconds N] [--scenario NAME]

System calls are counted by the kernel's tracepoints (perf stat; no slowing down that would let more requests
share a call), calls of malloc and its kin by count_malloc.c. Both over a run of the load generator on kept
connections, so what the connections themselves cost is in it, spread over tens of thousands of requests.
Origin, targets and their start are the referee's."""
import argparse
import importlib.util
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = ("h1-proxy-1k", "tls-proxy-1k", "tls-proxy-100k", "h2-proxy-1k", "tls-handshake")
# What stands in a column of its own; the rest is "other".
COLUMNS = {
    "recv": ("read", "readv", "recvfrom", "recvmsg"),
    "send": ("write", "writev", "sendto", "sendmsg"),
    "wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "watch": ("epoll_ctl",),
    "accept": ("accept4", "close", "shutdown", "setsockopt", "getsockopt", "getsockname", "getpeername"),
    "futex": ("futex",),
}


def referee_module(folder: pathlib.Path):
    spec = importlib.util.spec_from_file_location("edge_bench", folder / "edge_bench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Heap:
    """The counter that the target's processes share with us."""

    def __init__(self, work: pathlib.Path):
        self.path, library = work / "mallocs", work / "count_malloc.so"
        self.path.write_bytes(bytes(8))
        self.path.chmod(0o666)
        subprocess.run(["cc", "-O2", "-fno-builtin", "-shared", "-fPIC", "-o", library, HERE / "count_malloc.c"],
                       check=True)
        self.settings = {"LD_PRELOAD": str(library), "BENCH_MALLOC_COUNT": str(self.path)}

    def calls(self) -> int:
        return struct.unpack("=Q", self.path.read_bytes())[0]


def load(bench, target, scenario: str, seconds: int) -> list[str]:
    tool, listener, path, extra = bench.SCENARIOS[scenario]
    url = f"{listener}://127.0.0.1:{target.ports[listener]}{path}"
    if tool == "h2load":
        return ["h2load", "-t1", "-c8", "-m32", f"-D{seconds}", url]
    headers = [word for header in extra.get("headers", []) for word in ("-H", header)]
    return ["wrk", "-t1", f"-c{extra.get('connections', 64)}", f"-d{seconds}s", *headers, url]


def requests_in(output: str) -> int:
    found = re.search(r"(\d+) requests in|requests: .*?(\d+) done", output)
    if not found:
        raise SystemExit(f"no requests counted:\n{output}")
    return int(found[1] or found[2])


def measure(bench, heap: Heap, target, scenario: str, seconds: int) -> dict[str, float]:
    names = [name for group in COLUMNS.values() for name in group]
    events = ["raw_syscalls:sys_enter"] + [f"syscalls:sys_enter_{name}" for name in names]
    words = ["taskset", "-c", "1", *load(bench, target, scenario, seconds)]
    subprocess.run(["taskset", "-c", "1", *load(bench, target, scenario, 1)], capture_output=True)  # warm
    before = heap.calls()
    done = subprocess.run(["perf", "stat", "-x", ",", "-e", ",".join(events), "-p",
                           ",".join(map(str, target.pids())), "--", *words], capture_output=True, text=True)
    mallocs = heap.calls() - before
    counted = re.findall(r"^(\d+),[^,]*,\w+:sys_enter_?(\w*),", done.stderr, re.M)
    counts = {name: int(count) for count, name in counted}
    if "" not in counts:
        raise SystemExit(f"perf counts no system calls here (it needs root and tracefs):\n{done.stderr}")
    requests = requests_in(done.stdout)
    row = {column: sum(counts.get(name, 0) for name in group) / requests for column, group in COLUMNS.items()}
    row["other"] = counts[""] / requests - sum(row.values())
    return {"all": counts[""] / requests, **row, "mallocs": mallocs / requests}


def report(scenario: str, rows: dict[str, dict[str, float]]) -> None:
    columns = list(next(iter(rows.values())))
    print(f"\n{scenario}: system calls and calls of malloc a request")
    print(f"  {'target':<12}" + "".join(f"{column:>9}" for column in columns))
    for name, row in rows.items():
        print(f"  {name:<12}" + "".join(f"{row[column]:>9.2f}" for column in columns), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("referee", type=pathlib.Path)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--build", default=".")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    args = parser.parse_args()

    bench = referee_module(args.referee)
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    work.chmod(0o755)
    cert, key, pem = work / "cert.pem", work / "key.pem", work / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=bench", "-keyout", key, "-out", cert], check=True, capture_output=True)
    pem.write_text(cert.read_text() + key.read_text())
    for path in (cert, key, pem):
        path.chmod(0o644)
    subprocess.run(["cc", "-O2", "-o", work / "origin", args.referee / "origin.c"], check=True)
    port = bench.free_port()
    origin = subprocess.Popen(["taskset", "-c", "1", work / "origin", str(port)])
    try:
        bench.wait_port(port, origin)
        heap = Heap(work)
        for scenario in args.scenario or SCENARIOS:
            rows = {}
            for path in args.targets:
                # In the environment of what the referee starts, and of nothing else.
                os.environ.update(heap.settings)
                try:
                    target = bench.Target(path, port, cert, key, pem, os.path.abspath(args.build))
                finally:
                    for name in heap.settings:
                        os.environ.pop(name, None)
                try:
                    if scenario not in target.skip:
                        bench.check(target, scenario)
                        rows[target.name] = measure(bench, heap, target, scenario, args.seconds)
                finally:
                    target.stop()
            report(scenario, rows)
    finally:
        origin.terminate()
        origin.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
