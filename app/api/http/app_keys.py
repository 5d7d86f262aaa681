"""What the handlers share: the fleet, its streams, and how it is served."""

from collections.abc import Container

import msgspec
from aiohttp import web

from app.fleet.fleet import Fleet
from app.streams.hub import Hub

FLEET = web.AppKey("fleet", Fleet)
HUB = web.AppKey("hub", Hub)


class Serving(msgspec.Struct, frozen=True):
    """``sync_timeout`` is in seconds; ``token`` is what callers present, None where they need not;
    ``certificate`` is the PEM of the server's own certificate, None on plain HTTP; ``read_only``
    has the names of the clusters in which nothing may be changed, True for all; ``allow_proxy`` whether the
    pages of pods, services and nodes are served; ``consistent_reads`` whether lists of a cluster's own
    API that ask for the latest state are always the API server's; ``streams_per_caller`` and
    ``scans_per_caller`` how many of these one caller may have at once, 0 for any number."""

    sync_timeout: float
    token: str | None
    certificate: str | None
    read_only: bool | Container[str] = False
    allow_proxy: bool = False
    consistent_reads: bool = False
    streams_per_caller: int = 0
    scans_per_caller: int = 0

    def __repr__(self) -> str:
        """Name what it is alone: the token must not come into a log."""
        return "Serving(…)"


SERVING = web.AppKey("serving", Serving)
