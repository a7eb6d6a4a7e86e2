# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart, as a newcomer runs it: it starts, its five commands work when pasted, Ctrl-C stops all."""
import os
import pathlib
import re
import signal
import subprocess

import pytest

from program import ROOT
from wait import until

DEADLINE_S = 400  # a first build included


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    output = tmp_path_factory.mktemp("quickstart") / "output"
    with open(output, "wb") as out:
        process = subprocess.Popen([ROOT / "deploy/quickstart"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, start_new_session=True)
    try:
        until(lambda: "5. Kill a region" in output.read_text() or process.poll() is not None, "it serves",
              DEADLINE_S)
        assert process.poll() is None, output.read_text()
        yield process, output
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def command(output: pathlib.Path, number: int) -> str:
    """The command under the heading `number.`, as printed."""
    found = re.search(rf"^\s*{number}\. .*\n\s+(.+)$", output.read_text(), re.M)
    assert found, output.read_text()
    return found[1]


def paste(text: str) -> str:
    done = subprocess.run(["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_five_commands_work_when_pasted(quickstart):
    _, output = quickstart
    status = paste(command(output, 1))
    assert "eu-west-1" in status and "gtm-2" in status
    ireland, singapore = paste(command(output, 2)).split()
    assert ireland.startswith("127.1.0.") and singapore.startswith("127.3.0.")
    assert "eu-west" in paste(command(output, 3))
    assert "region=eu-west" in paste(command(output, 4))
    assert not paste(command(output, 5)).startswith("127.1.0.")


def test_what_was_killed_is_started_again(quickstart):
    _, output = quickstart
    lookup = command(output, 2).split(";")[0]
    until(lambda: paste(lookup).startswith("127.1.0."), "the killed region is back", 90)


def test_a_second_one_says_that_the_first_runs(quickstart):
    process, _ = quickstart
    done = subprocess.run([ROOT / "deploy/quickstart"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and str(process.pid) in done.stderr


def test_ctrl_c_stops_all_that_it_started(quickstart):
    process, _ = quickstart
    pids = [int(path.read_text()) for path in (ROOT / "state/demo").glob("*/pid")]
    assert len(pids) == 14
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    for pid in pids:
        assert not os.path.exists(f"/proc/{pid}"), f"{pid} still runs"
