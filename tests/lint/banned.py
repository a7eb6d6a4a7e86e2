#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that are not used here, and words that are not left behind."""
import pathlib
import re
import subprocess
import sys

BANNED = [
    (re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|rand|srand|alloca)\s*\("),
     "on the ban list (STYLE 3.1)"),
    (re.compile(r"#\s*include\s*<assert\.h>"), "use MUST"),
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "nothing is left open without an issue"),
]
PY_BANNED = [(re.compile(r"\btime\.sleep\("), "wait for a condition with a deadline (tests/e2e/wait.py)")]
# The one place that may sleep is the helper that waits.
MAY_SLEEP = {"tests/e2e/wait.py"}


def code_only(text: str) -> str:
    """Blanks string literals, so that a word in a message is no call."""
    return re.sub(r'"(\\.|[^"\\])*"', '""', text)


def main() -> int:
    faults = []
    for path in subprocess.run(["git", "ls-files", "*.c", "*.h", "*.py"], capture_output=True, text=True,
                               check=True).stdout.split():
        if path == "tests/lint/banned.py":
            continue
        rules = BANNED if not path.endswith(".py") else BANNED[2:] + (PY_BANNED if path not in MAY_SLEEP else [])
        for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
            for pattern, why in rules:
                match = pattern.search(code_only(line))
                if match:
                    faults.append(f"{path}:{number}: {match[0].strip()}: {why}")
    print("\n".join(faults) or "nothing banned")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
