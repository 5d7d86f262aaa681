"""Sockets that notice when nobody is at the other end any more."""

import socket
from typing import Any, Protocol

# Seconds until the first probe and between probes, and how many; macOS has no name for the first.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class _Socket(Protocol):
    def setsockopt(self, level: int, name: int, value: int, /) -> None: ...


def keep_alive(made: _Socket) -> None:
    """Have the system probe the peer of an idle connection, and break it where nobody answers."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)


def new_socket(address: Any) -> socket.socket:
    """For an address as ``getaddrinfo`` gives them."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    keep_alive(made)
    return made
