"""Who asks, as settled at the door, and what they may use."""

from collections.abc import Collection

import msgspec
from aiohttp import web

from app.api.http.problem import Problem


class Scope(msgspec.Struct, frozen=True):
    """What a caller may use. None means all."""

    clusters: frozenset[str] | None = None
    namespaces: frozenset[str] | None = None

    def permitted_clusters(self, asked: Collection[str] | None) -> Collection[str] | None:
        """Those of the clusters asked for (all for None) that are in scope. Raises Problem for none."""
        return _both("clusters", self.clusters, asked)

    def permitted_namespaces(self, asked: Collection[str] | None) -> Collection[str] | None:
        return _both("namespaces", self.namespaces, asked)


def _both(
    what: str, permitted: frozenset[str] | None, asked: Collection[str] | None
) -> Collection[str] | None:
    if permitted is None:
        return asked
    both = permitted if asked is None else permitted.intersection(asked)
    if not both:
        raise Problem(403, f"these {what} are not yours to see; you may see {', '.join(sorted(permitted))}")
    return both


class Caller(msgspec.Struct, frozen=True):
    name: str
    groups: tuple[str, ...] = ()
    scope: Scope = Scope()


LOCAL = Caller("local")
BEARER = Caller("bearer")

CALLER = web.RequestKey("caller", Caller)
