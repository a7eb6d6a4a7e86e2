# SPDX-License-Identifier: Apache-2.0
"""An authority of X.509 in a folder, by openssl's own tools: certificates of both kinds of keys, for
servers and clients, lists of revoked ones, a responder that says what was revoked."""
import pathlib
import subprocess
import time

KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


class Pki:
    def __init__(self, folder: pathlib.Path, name: str = "Test authority"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.ca_key, self.crl = folder / "ca.pem", folder / "ca.key", folder / "ca.crl"
        self.index = folder / "index.txt"
        self.serial = 0x1000
        self.openssl("req", "-x509", *KEYS["ec"], "-nodes", "-days", "90", "-subj", f"/CN={name}", "-keyout",
                     self.ca_key, "-out", self.ca)
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.index}\ndefault_md=sha256\ndefault_crl_days=1\n"
            f"certificate={self.ca}\nprivate_key={self.ca_key}\n")
        self.index.write_text("")
        (folder / "index.txt.attr").write_text("unique_subject = no\n")

    def openssl(self, *words: object) -> str:
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, cwd=self.folder,
                              timeout=60)
        assert done.returncode == 0, f"openssl {words}: {done.stderr}"
        return done.stdout

    def issue(self, stem: str, *names: str, kind: str = "ec", ocsp: str | None = None) -> dict[str, str]:
        """Files of a certificate for these names (none: a client's), with its issuer behind it."""
        certificate, key = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        self.serial += 1
        lines = ["basicConstraints=CA:FALSE"]
        if names:
            lines.append("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        if ocsp:
            lines.append(f"authorityInfoAccess=OCSP;URI:{ocsp}")
        (self.folder / "ext").write_text("\n".join(lines))
        self.openssl("req", *KEYS[kind], "-nodes", "-subj", f"/CN={names[0] if names else stem}", "-keyout", key,
                     "-out", self.folder / "csr")
        self.openssl("x509", "-req", "-in", self.folder / "csr", "-CA", self.ca, "-CAkey", self.ca_key,
                     "-set_serial", hex(self.serial), "-days", "90", "-extfile", self.folder / "ext", "-out",
                     certificate)
        with self.index.open("a") as index:
            until = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * 90))
            index.write(f"V\t{until}\t\t{self.serial:X}\tunknown\t/CN={stem}\n")
        with certificate.open("a") as chain:
            chain.write(self.ca.read_text())
        return {"certificate": str(certificate), "key": str(key)}

    def bundle(self, stem: str, *names: str, kind: str = "ec") -> dict[str, str]:
        """All in one file."""
        files = self.issue(stem, *names, kind=kind)
        with open(files["certificate"], "a") as out:
            out.write(pathlib.Path(files["key"]).read_text())
        pathlib.Path(files["key"]).unlink()
        return {"certificate": files["certificate"]}

    def revoke(self, stem: str) -> None:
        now = time.strftime("%y%m%d%H%M%SZ", time.gmtime())
        lines = []
        for line in self.index.read_text().splitlines():
            parts = line.split("\t")
            if parts[5] == f"/CN={stem}":
                parts[0], parts[2] = "R", now
            lines.append("\t".join(parts))
        self.index.write_text("\n".join(lines) + "\n")

    def write_crl(self) -> pathlib.Path:
        self.openssl("ca", "-config", self.folder / "ca.cnf", "-gencrl", "-out", self.folder / "new.crl")
        (self.folder / "new.crl").rename(self.crl)
        return self.crl

    def serial_of(self, certificate: str) -> str:
        return self.openssl("x509", "-in", certificate, "-noout", "-serial").strip().split("=")[1]

    def respond(self, port: int) -> subprocess.Popen:
        """An OCSP responder; the caller kills it."""
        return subprocess.Popen(
            ["openssl", "ocsp", "-port", str(port), "-index", self.index, "-CA", self.ca, "-rsigner", self.ca,
             "-rkey", self.ca_key, "-ndays", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder)
