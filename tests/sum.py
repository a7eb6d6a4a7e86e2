#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up ctest's JUnit files, names what failed, and prints the closing line."""
import re
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    failed_builds, paths = int(sys.argv[1]), sys.argv[2:]
    passed, skipped, failed, measured = 0, [], [], []
    for path in paths:
        preset = path.rsplit("-", 1)[-1].removesuffix(".xml")
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name = f"{case.get('name')} ({preset})"
            if case.find("skipped") is not None or case.get("status") == "notrun":
                skipped.append(name)
            elif case.find("failure") is not None or case.get("status") == "fail":
                failed.append(name)
            else:
                passed += 1
            measured += re.findall(r"^\S+: from kill .*$", case.findtext("system-out") or "", re.M)
    print()
    for line in measured:
        print(line)
    for name in skipped:
        print(f"skipped: {name}")
    for name in failed:
        print(f"failed: {name}")
    n_failed = len(failed) + failed_builds
    print(f"{passed} passed, {n_failed} failed")
    return 1 if n_failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
