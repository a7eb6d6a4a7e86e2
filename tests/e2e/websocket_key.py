# SPDX-License-Identifier: Apache-2.0
"""The key of a WebSocket handshake and its answer (RFC 6455 4.2.2)."""
import base64
import hashlib

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = base64.b64encode(b"0123456789abcdef")


def accept_for(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + GUID).digest())
