# SPDX-License-Identifier: Apache-2.0
"""TLS, judged by openssl's s_client, Python's ssl and curl."""
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from clients import curl
from cluster import WWW, free_port
from one_edge import HOST, OneEdge
from origin import Peer
from pki import Pki
from wait import until

OTHER = "other.example"
ASK = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


class TlsEdge(OneEdge):
    """Listeners: `https` (two kinds of keys, a bundle for another name), `strict`, `required` and `optional`
    (certificates of clients)."""

    def __init__(self, folder, **sections):
        self.pki = Pki(folder / "pki")
        self.responder_port = free_port()
        url = f"http://127.0.0.1:{self.responder_port}/"
        self.ec = self.pki.issue("ec", WWW, f"*.{WWW}", "second.example", ocsp=url)
        self.rsa = self.pki.issue("rsa", WWW, f"*.{WWW}", "second.example", kind="rsa")
        self.other = self.pki.bundle("other", OTHER)
        for client in ("alice", "bob", "carol"):
            self.pki.issue(client)
        self.pki.revoke("bob")
        self.pki.write_crl()
        super().__init__(folder, forwarded={"client_certificate": True}, **sections)
        config = self.program.config
        self.host = config["listeners"][1]["address"].rsplit(":", 1)[0]
        self.ports = {"https": int(config["listeners"][1]["address"].rsplit(":", 1)[1])}
        config["listeners"][1]["tls"] = {"certificates": [self.ec, self.rsa, self.other]}
        clients = {"ca": str(self.pki.ca), "crl": str(self.pki.crl)}
        self.add("strict", {"certificates": [self.other], "strict_sni": True, "min_version": "1.3"})
        self.add("required", {"certificates": [self.ec], "client_certificate": clients})
        self.add("optional", {"certificates": [self.ec], "client_certificate": {**clients, "verify": "optional"}})
        config["services"].append({"name": "rest", "hosts": ["*"], "routes": [
            {"path": {"prefix": "/"}, "respond": {"status": 200, "body": "rest\n"}}]})
        config["access_log"]["template"] = \
            "$status $target verify=$tls_client_verify subject=$tls_client_subject " \
            "fingerprint=$tls_client_fingerprint $reason"
        self.program.write_config()

    def add(self, name, tls):
        self.ports[name] = free_port()
        self.program.config["listeners"].append(
            {"name": name, "address": f"{self.host}:{self.ports[name]}", "tls": tls})

    def s_client(self, *options, listener="https", say=b"Q\n", name=WWW):
        """What s_client prints of a connection, and whether it came to stand."""
        words = ["openssl", "s_client", "-connect", f"{self.host}:{self.ports[listener]}", "-CAfile", self.pki.ca]
        words += ["-servername", name] if name else ["-noservername"]
        done = subprocess.run([*map(str, words), *map(str, options)], input=say, capture_output=True, timeout=30)
        text = (done.stdout + done.stderr).decode(errors="replace")
        return text

    def serial(self, listener="https", name=WWW, *options):
        text = self.s_client(*options, listener=listener, name=name)
        pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.S)
        assert pem, text
        path = self.pki.folder / "seen.pem"
        path.write_text(pem[0])
        return self.pki.serial_of(path)

    @contextlib.contextmanager
    def connect(self, name=WWW, listener="https", client=None, version=None, session=None):
        context = ssl.create_default_context(cafile=self.pki.ca)
        context.check_hostname = False
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(self.pki.folder / f"{client}.pem", self.pki.folder / f"{client}.key")
        with socket.create_connection((self.host, self.ports[listener]), timeout=10) as raw:
            with context.wrap_socket(raw, server_hostname=name) as sock:
                yield Peer(sock)

    def curl(self, path, *options, listener="https", name=WWW):
        port = self.ports[listener]
        return curl(f"https://{name}:{port}{path}", "--cacert", str(self.pki.ca), "--resolve",
                    f"{name}:{port}:{self.host}", *options)

    def as_client(self, stem):
        return ["--cert", str(self.pki.folder / f"{stem}.pem"), "--key", str(self.pki.folder / f"{stem}.key")]


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    edge = TlsEdge(tmp_path_factory.mktemp("tls"))
    try:
        yield edge.start()
    finally:
        edge.stop()


def status_of(peer):
    head = peer.until(b"\r\n\r\n").decode()
    peer.exactly(int(re.search(r"(?i)content-length: (\d+)", head)[1]))
    return int(head.split(" ")[1])


def request(host, path="/"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


# -- which certificate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("algorithms, kind", [
    ("ECDSA+SHA256", "ECDSA"), ("ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256", "ECDSA"),
    ("RSA-PSS+SHA256:RSA+SHA256", "RSA")])
def test_a_client_gets_the_kind_of_key_that_it_can_verify(edge, version, algorithms, kind):
    text = edge.s_client(version, "-sigalgs", algorithms)
    assert f"Peer signature type: {kind}" in text, text


def test_names_choose_certificates(edge):
    ec, other = edge.pki.serial_of(edge.ec["certificate"]), edge.pki.serial_of(edge.other["certificate"])
    assert edge.serial() == ec
    assert edge.serial(name=f"a.{WWW}") == ec
    assert edge.serial(name=OTHER.upper()) == other
    for unknown in (None, "unknown.example", f"a.b.{WWW}"):
        assert edge.serial(name=unknown) == ec, "the first serves who asks for nothing that is there"


def test_strict_sni_refuses_with_an_alert(edge):
    assert "Verify return code: 0" in edge.s_client(listener="strict", name=OTHER)
    for name in (None, WWW):
        assert "unrecognized name" in edge.s_client(listener="strict", name=name)


# -- what is spoken ------------------------------------------------------------------------------------------


def test_versions_below_the_oldest_are_refused(edge):
    assert "alert protocol version" in edge.s_client("-tls1_2", listener="strict", name=OTHER)
    assert "alert protocol version" in edge.s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("cipher", [
    "AES128-GCM-SHA256", "AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES128-CCM8", "aNULL", "eNULL"])
def test_ciphers_without_forward_secrecy_or_aead_are_refused(edge, cipher):
    text = edge.s_client("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
    assert "handshake failure" in text, text


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
                                    "DHE-RSA-AES256-GCM-SHA384"])
def test_ciphers_of_mozillas_list_are_spoken(edge, cipher):
    assert f"Cipher is {cipher}" in edge.s_client("-tls1_2", "-cipher", cipher)


def test_a_client_that_fell_back_without_need_is_told(edge):
    assert "inappropriate fallback" in edge.s_client("-tls1_2", "-fallback_scsv")


def test_renegotiation_is_refused(edge):
    text = edge.s_client("-tls1_2", say=b"R\n")
    assert "RENEGOTIATING" in text and "no renegotiation" in text, text
    assert "Secure Renegotiation IS supported" in text


def test_alpn_without_a_common_protocol_gets_an_alert(edge):
    assert "no application protocol" in edge.s_client("-alpn", "spdy/3")
    assert "ALPN protocol: http/1.1" in edge.s_client("-alpn", "spdy/3,http/1.1")
    assert "No ALPN negotiated" in edge.s_client()


# -- sessions ------------------------------------------------------------------------------------------------


def session(edge, path, *options, **where):
    edge.s_client("-sess_out", path, "-ign_eof", *options, say=ASK, **where)


def is_reused(edge, path, *options, **where):
    text = edge.s_client("-sess_in", path, *options, **where)
    assert "New, " in text or "Reused, " in text, text
    return "Reused, " in text


@pytest.mark.parametrize("options", [["-tls1_3"], ["-tls1_2"], ["-tls1_2", "-no_ticket"]],
                         ids=["ticket of 1.3", "ticket of 1.2", "session of 1.2"])
def test_sessions_are_resumed_within_their_bounds(edge, options, tmp_path):
    path = tmp_path / "session"
    session(edge, path, *options)
    for _ in range(4):  # whichever worker gets it
        assert is_reused(edge, path, *options)
    assert not is_reused(edge, path, *options, name=OTHER), "not with another certificate"
    assert not is_reused(edge, path, *options, listener="optional"), "not at another listener"


def test_early_data_is_not_taken(edge, tmp_path):
    session(edge, tmp_path / "session", "-tls1_3")
    assert "Max Early Data: 0" in edge.pki.openssl("sess_id", "-in", tmp_path / "session", "-noout", "-text")


# -- files change --------------------------------------------------------------------------------------------


def test_changed_files_are_taken_and_bad_ones_are_not(edge, tmp_path):
    before = edge.serial()
    session(edge, tmp_path / "session", "-tls1_3")
    with edge.connect() as peer:
        peer.sock.sendall(request(WWW))
        assert status_of(peer) == 200
        edge.ec.update(edge.pki.issue("ec", WWW, f"*.{WWW}", "second.example",
                                      ocsp=f"http://127.0.0.1:{edge.responder_port}/"))
        until(lambda: edge.serial() != before, "the new certificate is served")
        peer.sock.sendall(request(WWW))
        assert status_of(peer) == 200, "who is connected does not notice"
    assert is_reused(edge, tmp_path / "session", "-tls1_3"), "tickets outlive it"
    now = edge.serial()
    good = open(edge.rsa["key"]).read()
    with open(edge.rsa["key"], "w") as key:
        key.write("no key\n")
    until(lambda: edge.program.says("certificates.kept"), "the log says what is wrong")
    assert "rsa.key: no private key" in edge.program.log()
    assert edge.serial() == now
    said = edge.program.log().count("certificates.kept")
    with open(edge.rsa["key"], "w") as key:
        key.write(good)
    loaded = edge.program.log().count("certificates.loaded")
    until(lambda: edge.program.log().count("certificates.loaded") > loaded, "it is whole again")
    assert edge.program.log().count("certificates.kept") == said, "once"


# -- certificates of clients ---------------------------------------------------------------------------------


def test_who_has_no_good_certificate_stays_outside(edge):
    stranger = Pki(edge.pki.folder / "stranger", "Another authority")
    stranger.issue("eve")
    shutil.copy(stranger.folder / "eve.pem", edge.pki.folder)
    shutil.copy(stranger.folder / "eve.key", edge.pki.folder)
    for listener in ("required", "optional"):
        assert edge.curl("/", *edge.as_client("alice"), listener=listener).status == 200
        for bad in ("bob", "eve"):
            assert edge.curl("/", *edge.as_client(bad), listener=listener).status == 0, f"{bad} at {listener}"
    assert edge.curl("/", listener="required").status == 0
    assert edge.curl("/", listener="optional").status == 200
    for version in ("-tls1_2", "-tls1_3"):  # with 1.3 the client has asked before it can know
        assert "alert certificate revoked" in edge.s_client(
            version, "-ign_eof", "-cert", edge.pki.folder / "bob.pem", "-key", edge.pki.folder / "bob.key",
            listener="required", say=ASK)


def test_an_alert_is_not_lost_to_a_reset(edge):
    """Behind its refused certificate the client has already said much more, which nobody reads."""
    context = ssl.create_default_context(cafile=str(edge.pki.ca))
    context.load_cert_chain(edge.pki.folder / "bob.pem", edge.pki.folder / "bob.key")
    got, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(got, said, server_hostname=WWW)
    with socket.create_connection((edge.host, edge.ports["required"]), timeout=20) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(said.read())
                got.write(sock.recv(65536))
        for _ in range(30):
            client.write(b"x" * 16000)
        sock.sendall(said.read())
        while piece := sock.recv(65536):
            got.write(piece)
    with pytest.raises(ssl.SSLError, match="REVOKED"):
        client.read()


def test_the_origin_and_the_log_hear_who_it_is(edge):
    fingerprint = edge.pki.openssl("x509", "-in", "alice.pem", "-noout", "-fingerprint", "-sha256")
    fingerprint = fingerprint.strip().split("=")[1].replace(":", "").lower()
    edge.curl("/who-alice", *edge.as_client("alice"), "-H", "X-SSL-Client-Subject: CN=root", "-H",
              "Client-Cert: :AA==:", listener="optional")
    seen = edge.origin.requests("/who-alice")[-1]
    assert seen.all("X-SSL-Client-Verify") == ["SUCCESS"]
    assert seen.all("X-SSL-Client-Subject") == ["CN=alice"]
    assert [value.lower().replace(":", "") for value in seen.all("X-SSL-Client-Fingerprint")] == [fingerprint]
    assert len(seen.all("Client-Cert")) == 1 and seen.header("Client-Cert") != ":AA==:"
    assert f"verify=success subject=CN=alice fingerprint={fingerprint}" in edge.log_line("/who-alice")
    for where in ("https", "optional"):
        edge.curl(f"/nobody-{where}", "-H", "X-SSL-Client-Subject: CN=root", "-H", "X-SSL-Client-Verify: SUCCESS",
                  "-H", "Client-Cert: :AA==:", listener=where)
        seen = edge.origin.requests(f"/nobody-{where}")[-1]
        assert seen.header("X-SSL-Client-Subject") is None and seen.header("Client-Cert") is None
        assert seen.header("X-SSL-Client-Verify") in (None, "NONE")


def ask(edge, *options):
    return edge.s_client(*options, "-ign_eof", listener="required", say=ASK)


def test_a_new_revocation_holds_for_sessions_too(edge, tmp_path):
    carol = ["-cert", edge.pki.folder / "carol.pem", "-key", edge.pki.folder / "carol.key"]
    session(edge, tmp_path / "session", "-tls1_3", *carol, listener="required")
    assert is_reused(edge, tmp_path / "session", *carol, listener="required")
    edge.pki.revoke("carol")
    edge.pki.write_crl()
    until(lambda: " 200 OK" not in ask(edge, *carol), "the new list holds")
    text = ask(edge, "-sess_in", tmp_path / "session", *carol)
    assert " 200 OK" not in text, text


# -- which hosts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, host, status", [
    (WWW, WWW, 200), (WWW, f"x.{WWW}", 200), (WWW, "second.example", 200), (WWW, OTHER, 421),
    (WWW, "nobody.example", 421), (WWW, "127.0.0.1", 421), (OTHER, WWW, 421), (OTHER, f"{OTHER}:443", 200),
    ("unknown.example", WWW, 200), (None, OTHER, 200), (None, "127.0.0.1", 200)])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_connection_serves_the_hosts_of_its_certificate(edge, name, host, status, version):
    with edge.connect(name, version=version) as peer:
        for _ in range(2):
            peer.sock.sendall(request(host))
            assert status_of(peer) == status
        peer.sock.sendall(request(name or WWW))
        assert status_of(peer) == 200, "the connection is as good as before"


# -- stapling ------------------------------------------------------------------------------------------------


def test_what_the_authority_says_is_stapled(tmp_path):
    edge = TlsEdge(tmp_path)
    responder = edge.pki.respond(edge.responder_port)
    try:
        edge.start()
        until(lambda: "Cert Status" in edge.s_client("-status"), "an answer is stapled")
        text = edge.s_client("-status")
        assert "OCSP Response Status: successful" in text and "Cert Status: good" in text
        assert "OCSP response: no response sent" in edge.s_client("-status", "-sigalgs", "RSA-PSS+SHA256"), \
            "that certificate names no responder"
        responder.kill()
        responder.wait()
        edge.program.signal(1)
        until(lambda: edge.program.says("config.loaded"), "the reload is over")
        assert "Cert Status: good" in edge.s_client("-status"), "it is kept"
        assert edge.program.stop() == 0
    finally:
        responder.kill()
        responder.wait()
        edge.stop()


# -- debugging -----------------------------------------------------------------------------------------------


def test_keys_are_logged_on_request_with_a_warning(tmp_path):
    edge = TlsEdge(tmp_path, tls={"key_log": str(tmp_path / "keys.log")})
    try:
        edge.start()
        assert edge.curl("/").status == 200
        assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys.log").read_text()
        assert (tmp_path / "keys.log").stat().st_mode & 0o77 == 0
        assert edge.program.says("warn tls.key-log")
    finally:
        edge.stop()


# -- to origins ----------------------------------------------------------------------------------------------


class TlsOrigin:
    """Answers one request a connection over TLS, and says in it whether the session was resumed and whose
    certificate it saw."""

    def __init__(self, pki, files, demand):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(files["certificate"], files["key"])
        self.context.load_verify_locations(pki.ca)
        self.context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_NONE
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "%s:%d" % self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw,), daemon=True).start()

    def serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as sock:
                Peer(sock).until(b"\r\n\r\n")
                subject = dict(part[0] for part in (sock.getpeercert() or {}).get("subject", ()))
                body = f"{sock.version()} {'reused' if sock.session_reused else 'new'} {subject.get('commonName')}"
                sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
                             .encode())
                sock.unwrap()
        except (OSError, EOFError):
            pass


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_origins_are_verified_and_their_sessions_resumed(tmp_path, version):
    pki = Pki(tmp_path / "origin-pki")
    origin = TlsOrigin(pki, pki.issue("origin", "origin.test"), demand=True)
    us = pki.issue("edge")
    tls = {"ca": str(pki.ca), "server_name": "origin.test", "certificate": us["certificate"], "key": us["key"],
           "min_version": version, "max_version": version}
    edge = OneEdge(tmp_path, routes=[
        {"path": {"prefix": "/"}, "proxy": {"pool": "app"}}, {"path": {"prefix": "/tls"}, "proxy": {"pool": "tls"}},
        {"path": {"prefix": "/wrong"}, "proxy": {"pool": "wrong"}}])
    edge.program.config["pools"] += [
        {"name": "tls", "origins": [{"address": origin.address}], "tls": tls},
        {"name": "wrong", "origins": [{"address": origin.address}], "tls": {**tls, "server_name": "else.test"}}]
    edge.program.write_config()
    try:
        edge.start()
        answers = [curl(f"{edge.url}/tls", "-H", f"Host: {WWW}").body for _ in range(4)]
        assert answers[0] == f"TLSv{version} new edge"
        assert answers[1:] == [f"TLSv{version} reused edge"] * 3, answers
        assert curl(f"{edge.url}/wrong", "-H", f"Host: {WWW}").status == 502
        assert edge.program.stop() == 0
    finally:
        edge.stop()
        origin.listener.close()
