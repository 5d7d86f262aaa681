"""An HTTP client that costs next to nothing, so that what is measured is the server."""

import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """``first`` and ``whole``: seconds from the request to the first byte of the body, and to its last."""

    status: int
    head: str
    first: float
    whole: float
    size: int


def get(url: str, *, token: str = "", context: ssl.SSLContext | None = None) -> Answer:
    """One GET on a connection of its own; the body is thrown away.

    The clock starts when the connection stands.
    """
    parts = urlsplit(url)
    assert parts.hostname
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Accept: application/json", "Connection: close"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=60) as plain:
        wrapped = context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain
        with wrapped:
            began = time.perf_counter()
            wrapped.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = b""
            while not (end := head.find(b"\r\n\r\n") + 4) > 3 or end == len(head):
                head += wrapped.recv(65536)
            first = time.perf_counter() - began
            size = len(head) - end
            buffer = bytearray(1 << 20)
            while count := wrapped.recv_into(buffer):
                size += count
            whole = time.perf_counter() - began
    text = head[:end].decode()
    return Answer(int(text.split()[1]), text, first, whole, size)
