"""A Kubernetes resource: its names, its verbs and its path in the API."""

import msgspec


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One resource as discovery describes it, in the version that is watched."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """``plural`` or ``plural.group``: how the contract names resources."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None) -> str:
        """Return the URL path of the collection, below the server's own prefix."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inner = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}{inner}/{self.plural}"
