# SPDX-License-Identifier: Apache-2.0
"""The real clients that judge us: dig, curl, and a raw socket for what they refuse to send."""
import dataclasses
import re
import socket
import ssl
import subprocess


@dataclasses.dataclass
class DigAnswer:
    status: str
    flags: str
    addresses: list[str]
    scope: int | None
    text: str


def dig(server: str, name: str, rtype: str = "A", *options: str, subnet: str | None = None) -> DigAnswer:
    """dig at SERVER (host:port); a failure to answer is an AssertionError."""
    host, port = server.rsplit(":", 1)
    words = ["dig", f"@{host}", "-p", port, "+tries=1", "+time=2", name, rtype, *options]
    if subnet:
        words.append(f"+subnet={subnet}")
    done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    text = done.stdout
    status = re.search(r"status: (\w+)", text)
    assert status, f"no answer from {server} for {name}:\n{text}{done.stderr}"
    flags = re.search(r"flags: ([a-z ]*);", text)
    scope = re.search(r"CLIENT-SUBNET: \S+/\d+/(\d+)", text)
    addresses = re.findall(rf"^\S+\s+\d+\s+IN\s+{rtype}\s+(\S+)$", text, re.M)
    return DigAnswer(status[1], flags[1] if flags else "", addresses, int(scope[1]) if scope else None, text)


@dataclasses.dataclass
class CurlAnswer:
    status: int
    body: str
    exit: int
    error: str


def curl(url: str, *options: str) -> CurlAnswer:
    done = subprocess.run(["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *options, url],
                          capture_output=True, text=True, errors="replace", timeout=40)
    body, _, status = done.stdout.rpartition("\n")
    return CurlAnswer(int(status or 0), body, done.returncode, done.stderr)


def raw(address: str, data: bytes, timeout_s: float = 10, tls_ca: str | None = None,
        server_name: str | None = None) -> bytes:
    """Sends bytes and returns all that comes until the other side closes (or says nothing for a while)."""
    host, port = address.rsplit(":", 1)
    out = b""
    with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s) as sock:
        if tls_ca:
            sock = ssl.create_default_context(cafile=tls_ca).wrap_socket(sock, server_hostname=server_name)
        try:
            sock.sendall(data)
            while piece := sock.recv(65536):
                out += piece
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        finally:
            sock.close()
    return out
