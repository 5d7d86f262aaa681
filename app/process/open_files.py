"""How many files this process may have open, and what for."""

import contextlib
import resource
from typing import NamedTuple

# More is of no use, and some programs that exec plugins start look at every possible descriptor.
MOST = 1024 * 1024
# For the log, name lookups, kubeconfigs, exec plugins and upgrades.
OTHERS = 64


class Shares(NamedTuple):
    """Descriptors: all, those that connections of ``callers`` and to ``clusters`` may have, what
    is ``kept`` of the latter for what callers ask of API servers, and the ``last`` that a caller may get."""

    all: int
    callers: int
    clusters: int
    kept: int
    last: int


def raise_limit() -> int:
    """Raise the limit on open files as far as it goes; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return MOST if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft


def shares(limit: int) -> Shares:
    others = min(OTHERS, limit // 8)
    clusters = (limit - others) * 2 // 5
    return Shares(limit, limit - others - clusters, clusters, clusters // 4, limit - others // 2)
