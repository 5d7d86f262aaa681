"""Who asks, as settled at the door, and what they may use."""

from collections.abc import Collection

import msgspec
from aiohttp import web


class Scope(msgspec.Struct, frozen=True):
    """What a caller may use. None means all."""

    clusters: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None

    def permitted_clusters(self, asked: Collection[str] | None) -> Collection[str] | None:
        """Those of the clusters asked for (all for None) that are in scope."""
        return _both(self.clusters, asked)

    def permitted_namespaces(self, asked: Collection[str] | None) -> Collection[str] | None:
        return _both(self.namespaces, asked)


def _both(permitted: frozenset[str] | None, asked: Collection[str] | None) -> Collection[str] | None:
    if permitted is None:
        return asked
    return permitted if asked is None else permitted.intersection(asked)


class Caller(msgspec.Struct, frozen=True):
    name: str
    groups: tuple[str, ...] = ()
    scope: Scope = Scope()


LOCAL = Caller("local")
BEARER = Caller("bearer")

CALLER = web.RequestKey("caller", Caller)
