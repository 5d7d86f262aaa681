"""The namespaces that the setting ``clusters`` restricts clusters to, also after contexts are renamed."""

import logging
from collections.abc import Mapping, Sequence

from app.kube.auth.cluster_names import ClusterNames
from app.kube.auth.contexts import Context

log = logging.getLogger(__name__)


class NamespaceRestrictions:
    """The namespaces that clusters are restricted to; ``settings`` has them by name of cluster or context.

    Where a name of the setting is in no kubeconfig any more, a context that appears with the same API
    server is that cluster under another name, and stays restricted.
    """

    def __init__(self, settings: Mapping[str, Sequence[str]], names: ClusterNames) -> None:
        self._settings = settings
        self._names = names
        self._contexts: set[tuple[str, str]] = set()
        self._servers: dict[str, set[str]] = {}
        self._missing: list[str] = []
        self._renamed: dict[tuple[str, str], str] = {}

    def follow(self, contexts: Sequence[Context]) -> None:
        """Take over the contexts that all kubeconfigs have now."""
        missing = []
        for word in self._settings:
            if meant := [context for context in contexts if self._names.means(word, context)]:
                self._servers[word] = {_server(context) for context in meant}
            else:
                missing.append(word)
                if word not in self._missing:
                    log.warning(
                        "clusters names what is in no kubeconfig any more: "
                        "what appears with the same server takes its namespaces",
                        extra={"clusters": word},
                    )
        self._missing = missing
        for context in contexts:
            if (identity := _identity_of(context)) not in self._contexts:
                server = _server(context)
                heirs = (word for word in missing if server in self._servers.get(word, ()))
                if word := next(heirs, ""):
                    self._renamed[identity] = word
        self._contexts.update(map(_identity_of, contexts))

    def of(self, context: Context) -> Sequence[str]:
        """Return the namespaces that a cluster is restricted to; none where it is not."""
        renamed = self._settings.get(self._renamed.get(_identity_of(context), ""), ())
        return self._names.meant(self._settings, context, renamed)


def _identity_of(context: Context) -> tuple[str, str]:
    return context.source, context.context


def _server(context: Context) -> str:
    return str(context.cluster.get("server"))
