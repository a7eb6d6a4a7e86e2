# SPDX-License-Identifier: Apache-2.0
"""testssl.sh grades the TLS of an edge on which nothing is set but certificates (of both kinds of keys, with
a responder) and HSTS. Nothing that it finds may be above LOW, nothing may stay unlooked at, but what the table
allows and says why."""
import json
import os
import subprocess

import pytest

from cluster import WWW, free_port
from one_edge import OneEdge
from pki import Pki
from wait import until

ALLOWED = {
    "engine_problem": "Debian's openssl has no GOST; testssl.sh tries such ciphers by sockets of its own",
    "security_headers": "Content-Security-Policy and its kin are about pages, and pages are the origin's",
}
FINE = {"OK", "INFO", "LOW"}
# Without its simulations of clients, which find nothing: they say what each would get.
PARTS = ["-p", "-s", "-f", "-P", "-S", "-h", "-U", "-g"]
LOOKED_AT = {"SSLv3", "TLS1_2", "TLS1_3", "cipherlist_3DES_IDEA", "PFS", "cipher_order", "OCSP_stapling", "HSTS_time",
             "cert_chain_of_trust", "secure_client_renego", "heartbleed", "ROBOT", "CRIME_TLS", "LOGJAM", "SWEET32"}


@pytest.fixture
def edge(tmp_path):
    edge, pki, port = OneEdge(tmp_path), Pki(tmp_path / "pki"), free_port()
    url = f"http://127.0.0.1:{port}/"
    edge.program.config["listeners"][1]["tls"]["certificates"] = [
        pki.issue("ec", WWW, ocsp=url), pki.issue("rsa", WWW, kind="rsa", ocsp=url)]
    edge.program.config["services"][0]["hsts"] = {}
    edge.program.write_config()
    edge.ca, responder = pki.ca, pki.respond(port)
    try:
        yield edge.start()
    finally:
        edge.stop()
        responder.kill()
        responder.wait()


def is_stapled(at: str) -> bool:
    done = subprocess.run(["openssl", "s_client", "-connect", at, "-servername", WWW, "-status"], input=b"",
                          capture_output=True, timeout=20)
    return b"OCSP Response Status: successful" in done.stdout


def test_testssl_finds_nothing_above_low(edge, tmp_path):
    host, port = edge.cluster.https("eu-west-1").rsplit(":", 1)
    until(lambda: is_stapled(f"{host}:{port}"), "the responder was asked")
    out = tmp_path / "findings.json"
    parts = [] if os.environ.get("MERIDIAN_LONG") == "1" else PARTS
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", host, "--add-ca",
         edge.ca, "--connect-timeout", "10", "--openssl-timeout", "10", "--jsonfile", out, *parts, f"{WWW}:{port}"],
        capture_output=True, text=True, errors="replace", timeout=600, stdin=subprocess.DEVNULL, cwd=tmp_path)
    findings = json.loads(out.read_text())
    named = {finding["id"].split(" ")[0]: finding for finding in findings}
    bad = [finding for finding in findings
           if finding["severity"] not in FINE and finding["id"].split(" ")[0] not in ALLOWED]
    assert not bad, json.dumps(bad, indent=1)
    assert LOOKED_AT <= named.keys(), (LOOKED_AT - named.keys(), done.stdout[-3000:] + done.stderr)
    print(f"testssl.sh: {len(findings)} findings, none above LOW; grade "
          f"{named.get('overall_grade', {}).get('finding', 'not given')}")
