# SPDX-License-Identifier: Apache-2.0
"""Holds many idle TLS connections, for test_idle.py: a process of its own, for its descriptors and its CPU.

    hold.py HOST:PORT CA NAME COUNT SOURCE…

Connects from the source addresses in turn, asks once on each connection, prints how many stand; waits for a
line on its input; then asks once more on each and prints how many were answered."""
import resource
import socket
import ssl
import sys


def ask(sock: ssl.SSLSocket, request: bytes) -> bool:
    sock.sendall(request)
    answer = b""
    while b"\r\n\r\nloaded" not in answer:
        piece = sock.recv(4096)
        if not piece:
            return False
        answer += piece
    return answer.startswith(b"HTTP/1.1 200 ")


def main() -> None:
    at, ca, name, count, *sources = sys.argv[1:]
    host, port = at.rsplit(":", 1)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context(cafile=ca)
    request = f"GET /load HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
    held = []
    for number in range(int(count)):
        plain = socket.create_connection((host, int(port)), 30, (sources[number % len(sources)], 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = context.wrap_socket(plain, server_hostname=name)
        if not ask(sock, request):
            raise SystemExit(f"connection {number} was closed")
        held.append(sock)
    print(len(held), flush=True)
    sys.stdin.readline()
    print(sum(ask(sock, request) for sock in held), flush=True)


main()
