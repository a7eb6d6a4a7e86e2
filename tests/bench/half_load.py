#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Latency at half load: what a proxy adds when it is not pressed. All targets get the same rate, half of what the
slowest of them serves at most; h2load sends it evenly, and the percentiles are of its own log.

    tests/bench/half_load.py REFEREE_FOLDER TARGET.json... --build FOLDER [--seconds N] [--rounds N]

The first target is compared with the best of the others. Origin, targets and their start are the referee's."""
import argparse
import importlib.util
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

CLIENTS = 16
CASES = {"h1-half-load": ("http", "--h1"), "tls-half-load": ("https", "--h1")}


def referee_module(folder: pathlib.Path):
    spec = importlib.util.spec_from_file_location("edge_bench", folder / "edge_bench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_paced(url: str, flag: str, rate: float, seconds: int) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(["taskset", "-c", "1", "h2load", "-t1", f"-c{CLIENTS}", flag, f"--rps={rate / CLIENTS:.2f}",
                        f"-D{seconds}", f"--log-file={log.name}", url], check=True, capture_output=True)
        times = sorted(int(line.split()[2]) for line in pathlib.Path(log.name).read_text().splitlines()
                       if line.split()[1] == "200")
    return times[len(times) // 2] / 1000, times[int(len(times) * 0.99)] / 1000


def measure(bench, args, work: pathlib.Path, origin_port: int, cert, key, pem) -> dict:
    results = {}
    for case, (listener, flag) in CASES.items():
        def each(work_on):
            for path in args.targets:
                target = bench.Target(path, origin_port, cert, key, pem, os.path.abspath(args.build))
                try:
                    work_on(target)
                finally:
                    target.stop()

        rates = {}
        each(lambda t: rates.__setitem__(t.name, bench.run_wrk(t, listener, "/p/1k", {}, 2)[2]))
        half = min(rates.values()) / 2
        rows = {}
        for _ in range(args.rounds):
            each(lambda t: rows.setdefault(t.name, []).append(
                run_paced(f"{'https' if listener == 'https' else 'http'}://127.0.0.1:{t.ports[listener]}/p/1k", flag, half, args.seconds)))
        print(f"\n{case} at {half:.0f} requests/s")
        print(f"  {'target':<14}{'p50 ms':>10}{'p99 ms':>10}")
        for name, runs in rows.items():
            p50, p99 = (statistics.median(run[i] for run in runs) for i in (0, 1))
            results.setdefault(case, {})[name] = (p50, p99)
            print(f"  {name:<14}{p50:>10.3f}{p99:>10.3f}", flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("referee", type=pathlib.Path)
    parser.add_argument("targets", nargs="+")
    parser.add_argument("--build", default=".")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    bench = referee_module(args.referee)
    work = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    os.chmod(work, 0o755)
    cert, key, pem = work / "cert.pem", work / "key.pem", work / "both.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "30", "-subj", "/CN=bench", "-keyout", key, "-out", cert], check=True, capture_output=True)
    pem.write_text(cert.read_text() + key.read_text())
    for path in (cert, key, pem):
        os.chmod(path, 0o644)
    subprocess.run(["cc", "-O2", "-o", work / "origin", args.referee / "origin.c"], check=True)
    port = bench.free_port()
    origin = subprocess.Popen(["taskset", "-c", "1", work / "origin", str(port)])
    try:
        bench.wait_port(port, origin)
        results = measure(bench, args, work, port, cert, key, pem)
    finally:
        origin.terminate()
        origin.wait()
        shutil.rmtree(work, ignore_errors=True)
    for case, rows in results.items():
        (_, ours), *others = rows.items()
        for i, name in enumerate(("p50", "p99")):
            print(f"ratio {case} {name}: {ours[i] / min(row[i] for _, row in others):.2f}")


if __name__ == "__main__":
    main()
