"""Authorization of a simulated cluster: bearer tokens, and what the account of each may do."""

import msgspec

from app.simulator.apiserver.request_routes import Route


class Account(msgspec.Struct, frozen=True):
    """A user: ``namespaces`` are the only ones that it may read, None for all; ``denied`` are resources by
    name."""

    user: str = "admin"
    namespaces: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()

    def check(self, verb: str, route: Route) -> None:
        """Check that the account may do this. Raises ApiFailure (403)."""
        served, namespace = route.served, route.namespace
        inside = self.namespaces is None or namespace in self.namespaces
        if inside and served.name not in self.denied:
            return
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        named = f'{served.name} "{route.name}"' if route.name else served.name
        resource = f"{served.plural}/{route.sub}" if route.sub else served.plural
        message = (
            f'{named} is forbidden: User "{self.user}" cannot {verb} resource "{resource}" '
            f'in API group "{served.group}" {where}'
        )
        raise served.failure("Forbidden", message, route.name)
