"""Sockets that notice when nobody is at the other end any more, and of which there are not too many."""

import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol
from weakref import WeakSet

from app.kube.api_errors import ConnectionFailed

# Seconds until the first probe and between probes, and how many; macOS has no name for the first.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class _Socket(Protocol):
    def setsockopt(self, level: int, name: int, value: int, /) -> None: ...


def keep_alive(opened: _Socket) -> None:
    """Have the system probe the peer of an idle connection, and break it where nobody answers."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            opened.setsockopt(socket.IPPROTO_TCP, option, value)


class Budget:
    """How many sockets to API servers there may be; ``kept`` of them are for callers alone."""

    def __init__(self) -> None:
        self.most = 0
        self.kept = 0
        self.limit = 0
        self._open: WeakSet[socket.socket] = WeakSet()
        self._claimed = 0

    def allow(self, most: int, kept: int, limit: int) -> None:
        """``limit`` is that on open files, for the words of who is refused."""
        self.most, self.kept, self.limit = most, kept, limit

    def claim(self, number: int) -> Callable[[], None]:
        """Set so many aside for one cluster, so that some are had whole rather than all in part.

        What is returned gives them back. Raises ConnectionFailed where so many are not left.
        """
        if self.most and self._claimed and self._claimed + number > self.most - self.kept:
            raise ConnectionFailed(self._words())
        self._claimed += number

        def give_back() -> None:
            self._claimed -= number

        return give_back

    def take(self, opened: socket.socket) -> None:
        """Count a socket as open."""
        self._open.add(opened)

    def give_back(self, closed: socket.socket) -> None:
        """Count a socket as closed."""
        self._open.discard(closed)

    def check(self) -> None:
        """Raises OSError where there is none left."""
        if self.most and len(self._open) >= self.most - (0 if FOR_CALLERS.get() else self.kept):
            raise OSError(self._words())

    def _words(self) -> str:
        return f"no file descriptor is left for it, the limit on open files is {self.limit}"


BUDGET = Budget()
# Whether somebody waits for what is connected now: all else may use no more than its part.
FOR_CALLERS: ContextVar[bool] = ContextVar("FOR_CALLERS", default=False)


class _CountedSocket(socket.socket):
    def close(self) -> None:
        BUDGET.give_back(self)
        super().close()


def new_socket(address: Any) -> socket.socket:
    """A socket for an address as ``getaddrinfo`` gives them, counted and probed. Raises OSError."""
    family, kind, protocol, _, _ = address
    BUDGET.check()
    opened = _CountedSocket(family, kind, protocol)
    BUDGET.take(opened)
    keep_alive(opened)
    return opened


def adopt(opened: socket.socket) -> socket.socket:
    """Count a socket that something else has opened, and have it probed. Raises OSError."""
    adopted = _CountedSocket(opened.family, opened.type, opened.proto, fileno=opened.detach())
    try:
        BUDGET.check()
    except OSError:
        adopted.close()
        raise
    BUDGET.take(adopted)
    keep_alive(adopted)
    return adopted
