"""Paths of the Kubernetes API, taken apart as the API server does it.

The grammar is that of ``k8s.io/apiserver/pkg/endpoints/request`` (RequestInfoFactory).
"""

import msgspec

# What is below a namespace itself, where any other third part would be a resource in it.
_OF_NAMESPACE = ("status", "finalize")
# Special verbs that may stand before the resource.
_PREFIXES = ("proxy", "watch")


class RequestInfo(msgspec.Struct, frozen=True):
    """``resource`` is empty for what is no resource: discovery, OpenAPI, health.

    ``prefix`` is ``proxy`` or ``watch`` where the path has that old form; ``deeper`` says that the
    path goes on below the subresource.
    """

    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    prefix: str = ""
    deeper: bool = False

    @property
    def qualified(self) -> str:
        """``plural`` or ``plural.group``: how the contract names resources."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def parse(path: str) -> RequestInfo:
    """Take apart a decoded path of the Kubernetes API, below the server's own prefix."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo()
    prefix = ""
    if rest[0] in _PREFIXES and len(rest) > 1:
        prefix, rest = rest[0], rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_NAMESPACE:
            rest = rest[2:]
    resource, name, subresource = [*rest, "", "", ""][:3]
    deeper = len(rest) > 3
    return RequestInfo(group, version, resource, namespace, name, subresource, prefix, deeper)
