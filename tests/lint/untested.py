#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each source has a unit test that mirrors it, or a line in untested.txt that says why not."""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOMS = ("core/", "cluster/", "gtm/", "edge/", "ctl/")


def main() -> int:
    excused = {}
    for line in (HERE / "untested.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            path, _, reason = line.partition(" ")
            excused[path] = reason.strip()
    files = subprocess.run(["git", "ls-files", "*.c"], capture_output=True, text=True, check=True).stdout.split()
    faults = []
    for name in files:
        if not name.startswith(ROOMS):
            continue
        path = pathlib.Path(name)
        test = pathlib.Path("tests/unit") / path.parent / f"test_{path.name}"
        if test.exists() and name in excused:
            faults.append(f"tests/lint/untested.txt: {name} has a test now")
        if not test.exists() and not excused.get(name):
            faults.append(f"{name}:1: no {test}, and no reason in tests/lint/untested.txt")
    for name in excused:
        if name not in files:
            faults.append(f"tests/lint/untested.txt: {name} is not there")
    print("\n".join(faults) or "every source has its test")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
