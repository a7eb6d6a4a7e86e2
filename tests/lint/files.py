#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every file of ours: its SPDX line, its size, and no path of one machine in it."""
import pathlib
import re
import subprocess
import sys

MAX_LINES = 900
ROOM_LINES = {"core/": 15000}  # net/ included; docs/decisions/0001-core-is-a-folder.md
MACHINE_PATH = re.compile(r"(^|[^\w.])/(work|farm|root)/")


def main() -> int:
    faults, room_lines = [], dict.fromkeys(ROOM_LINES, 0)
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    for name in filter(None, listed):
        path = pathlib.Path(name)
        if name.startswith(("tests/fuzz/corpus/", "tests/data/")) or path.suffix == ".mmdb":
            continue
        text = path.read_text(errors="replace")
        lines = text.splitlines()
        if path.suffix in (".c", ".h"):
            if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
                faults.append(f"{name}:1: the first line is the SPDX line")
            if len(lines) > MAX_LINES:
                faults.append(f"{name}:{len(lines)}: over {MAX_LINES} lines: split it by subject")
            for room in room_lines:
                if name.startswith(room):
                    room_lines[room] += len(lines)
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line) and name != "tests/lint/files.py":
                faults.append(f"{name}:{number}: a path of one machine")
    for room, limit in ROOM_LINES.items():
        if room_lines[room] > limit:
            faults.append(f"{room}:1: {room_lines[room]} lines, over {limit}")
    print("\n".join(faults) or "every file is in order")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
