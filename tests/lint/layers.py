#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The arrows of the layers: every #include of ours is allowed by layers.txt, and third-party headers
stand where they belong."""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')

# A library's headers, and the only places that may see them.
HOMES = [
    (re.compile(r"^(event2/|event\.h)"), ["core/loop.h", "core/loop.c", "core/admin.c"]),
    (re.compile(r"^openssl/"), ["core/net/", "edge/tls/"]),
    (re.compile(r"^curl/"), ["core/net/fetch.c"]),
    (re.compile(r"^ares"), ["core/net/resolver.c"]),
    (re.compile(r"^ldns/"), ["gtm/zone/"]),
    (re.compile(r"^maxminddb"), ["gtm/geo/"]),
    (re.compile(r"^yaml\.h"), ["core/conf"]),
    (re.compile(r"^jansson\.h"), ["core/json"]),
    (re.compile(r"^xxhash\.h"), ["core/hash.c"]),
    (re.compile(r"^uthash\.h"), ["core/table.h"]),
    (re.compile(r"^(protobuf-c/|proto/)|\.pb-c\.h$"), ["cluster/wire/", "cluster/identity/"]),
]


def rules() -> dict[str, set[str]]:
    table = {}
    for line in (HERE / "layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, allowed = line.split(":")
            table[folder.strip()] = set(allowed.split())
    return table


def room_of(path: str, table: dict[str, set[str]]) -> str | None:
    folder = path
    while "/" in folder:
        folder = folder.rsplit("/", 1)[0]
        if folder in table:
            return folder
    return None


def main() -> int:
    table = rules()
    files = subprocess.run(["git", "ls-files", "*.c", "*.h", "*.def"], capture_output=True, text=True,
                           check=True).stdout.split()
    ours = set(files)
    faults = []
    for path in files:
        if path.startswith("tests/"):
            continue
        here = room_of(path, table)
        if here is None:
            faults.append(f"{path}:1: its folder is not in tests/lint/layers.txt")
            continue
        for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            name = match[2]
            for pattern, homes in HOMES:
                if pattern.search(name) and not any(path.startswith(home) for home in homes):
                    faults.append(f"{path}:{number}: <{name}> belongs to {', '.join(homes)}")
            if name not in ours:
                continue
            there = room_of(name, table)
            if there != here and there not in table[here]:
                faults.append(f"{path}:{number}: {here} may not use {there} ({name})")
    print("\n".join(faults) or "every arrow is allowed")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
