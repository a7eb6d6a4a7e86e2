# SPDX-License-Identifier: Apache-2.0
"""One of our programs as a process: started, known to be ready, stopped by pid."""
import os
import pathlib
import select
import signal
import subprocess
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("MERIDIAN_BIN", ROOT / "build/release/bin"))
READY_S = 30


class NotReady(AssertionError):
    """The program ended, or said nothing, before it served."""


class Program:
    def __init__(self, name: str, program: str, config: dict, folder: pathlib.Path):
        self.name, self.program, self.config = name, program, config
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / f"{program}.yaml"
        self.log_path = self.folder / "log"
        self.process: subprocess.Popen | None = None
        self.write_config()

    def write_config(self) -> None:
        self.path.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def start(self) -> "Program":
        reading, writing = os.pipe()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BIN / self.program, "--ready-fd", str(writing), self.path], pass_fds=[writing],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        os.close(writing)
        try:
            ready, _, _ = select.select([reading], [], [], READY_S)
            if not ready or os.read(reading, 16) != b"ready\n":
                self.kill()
                raise NotReady(f"{self.name} did not start:\n{self.log()[-4000:]}")
        finally:
            os.close(reading)
        return self

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self, deadline_s: float = 30) -> int:
        """SIGTERM, and its exit status: 0 when it drained and freed everything."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def wait(self, deadline_s: float = 30) -> int:
        assert self.process
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {deadline_s} s:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def says(self, event: str) -> bool:
        return event in self.log()


def run_tool(*words: object, status: int = 0, deadline_s: float = 30) -> str:
    """Runs one of our programs to its end; what it printed. Its exit status must be the one given."""
    program, *rest = map(str, words)
    done = subprocess.run([BIN / program, *rest], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=deadline_s)
    assert done.returncode == status, \
        f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def now_s() -> float:
    return time.monotonic()
