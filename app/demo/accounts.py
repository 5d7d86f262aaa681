"""Who may do what in a simulated cluster: bearer tokens, and what each is restricted to."""

from dataclasses import dataclass

from app.demo.failures import Failure
from app.demo.registry import Served


@dataclass(frozen=True)
class Account:
    """``namespaces`` are the only ones it may look into, None for all; ``denied`` are resources by name."""

    user: str = "admin"
    namespaces: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()

    def check(self, verb: str, served: Served, namespace: str) -> None:
        """Raises Failure where it may not."""
        inside = self.namespaces is None or namespace in self.namespaces
        if inside and served.name not in self.denied:
            return
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        raise Failure(
            "Forbidden",
            f'{served.name} is forbidden: User "{self.user}" cannot {verb} resource "{served.plural}" '
            f'in API group "{served.group}" {where}',
            group=served.group,
            kind=served.plural,
        )
