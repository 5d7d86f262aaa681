"""What the handlers share: the fleet, its streams, and how it is served."""

from dataclasses import dataclass, field

from aiohttp import web

from app.fleet.fleet import Fleet
from app.streams.hub import Hub

FLEET = web.AppKey("fleet", Fleet)
HUB = web.AppKey("hub", Hub)


@dataclass(frozen=True)
class Serving:
    """``sync_timeout`` is in seconds; ``token`` is what callers present, None where they need not;
    ``certificate`` is the PEM of the server's own certificate, None on plain HTTP."""

    sync_timeout: float
    token: str | None = field(repr=False)
    certificate: str | None


SERVING = web.AppKey("serving", Serving)
