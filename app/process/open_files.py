"""How many files this process may have open, and what for."""

import contextlib
import os
import resource

import msgspec

# More is of no use, and some programs that exec plugins start look at every possible descriptor.
MOST = 1024 * 1024
# For the log, name lookups, kubeconfigs, exec plugins and upgrades.
OTHERS = 64


class DescriptorShares(msgspec.Struct, frozen=True):
    """Numbers of file descriptors: ``all``, those that connections of ``callers`` and to ``clusters`` may
    have, how many of the latter are ``kept`` for requests that callers make to API servers, and the highest
    number, ``last``, that a caller's connection may get."""

    all: int
    callers: int
    clusters: int
    kept: int
    last: int


def raise_limit() -> int:
    """Raise the soft limit on open files as far as it goes, at most to MOST; return the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft


def occupy_standard_streams() -> None:
    """Open /dev/null as each of stdin, stdout and stderr that is closed.

    Else the first socket would get its number: libraries that write to stderr would write into it, and
    libuv ends the process when it closes one of these numbers.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest number that is free: this one.


def descriptor_shares(limit: int) -> DescriptorShares:
    """Divide the descriptors that a limit allows among callers, clusters and the rest."""
    others = min(OTHERS, limit // 8)
    clusters = (limit - others) * 2 // 5
    return DescriptorShares(limit, limit - others - clusters, clusters, clusters // 4, limit - others // 2)
