"""Parse requests: the resource, namespace, name and subresource of a path, the verb, numbers of the query."""

from collections.abc import Mapping

import msgspec

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.registry import Registry, ServedResource

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
    "POST": "create",
}


class Route(msgspec.Struct, frozen=True):
    """The target of a request; ``namespace``, ``name`` and ``sub`` are "" where the path has none."""

    served: ServedResource
    namespace: str
    name: str
    sub: str

    def allows(self, method: str) -> bool:
        """Return whether the HTTP method is allowed for this path."""
        if self.sub == "log":
            return method in ("GET", "HEAD")
        if self.sub:
            return method in ("GET", "HEAD", "PUT", "PATCH")
        if self.name:
            return method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")
        if self.served.namespaced and not self.namespace:
            return method in ("GET", "HEAD")
        return method in ("GET", "HEAD", "POST") or (
            method == "DELETE" and "deletecollection" in self.served.verbs
        )

    def verb(self, method: str, query: Mapping[str, str]) -> str:
        """Return the verb as Kubernetes' authorization names it."""
        if not self.name and method == "GET":
            return "list" if query.get("watch", "0").lower() in ("0", "false") else "watch"
        if not self.name and method == "DELETE":
            return "deletecollection"
        return _VERBS.get(method, method.lower())


def route(path: str, registry: Registry) -> Route | None:
    """Parse a path; None where nothing is served at it."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        api_version, rest = parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        api_version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    group = api_version.rpartition("/")[0]
    served = registry.get(f"{rest[0]}.{group}" if group else rest[0])
    if served is None or served.api_version != api_version or len(rest) > 3:
        return None
    name, sub = (*rest[1:], "", "")[:2]
    if sub and sub not in served.subresources:
        return None
    return Route(served, namespace, name, sub)


def whole_number(query: Mapping[str, str], name: str) -> int | None:
    """Return a parameter that is a whole number of 0 or more, None where it is not given. Raises
    ApiFailure."""
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise ApiFailure("BadRequest", f'{name}: invalid value "{text}": must be a whole number of 0 or more')
    return int(text) if text else None
