"""Who sent a request, as settled at the door."""

import msgspec
from aiohttp import web

from app.fleet.selection import Scope


class Caller(msgspec.Struct, frozen=True):
    """Who sent a request: a name, groups, and the clusters and namespaces that it may see."""

    name: str
    groups: tuple[str, ...] = ()
    scope: Scope = Scope()


LOCAL = Caller("local")
BEARER = Caller("bearer")

CALLER = web.RequestKey("caller", Caller)
