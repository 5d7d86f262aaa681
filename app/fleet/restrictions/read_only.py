"""The clusters that the setting ``read_only`` covers, also after contexts are renamed or removed."""

import logging
from collections.abc import Container, Sequence

from app.kube.auth.cluster_names import ClusterNames
from app.kube.auth.contexts import Context

log = logging.getLogger(__name__)


class ReadOnlyClusters(Container[str]):
    """The names of the clusters in which nothing may be changed. A name that is in it stays in it.

    While a name of the setting is in no kubeconfig, what appears may be the same cluster under
    another name: that is covered too, until the server is started with the right names.
    """

    def __init__(self, words: Sequence[str], names: ClusterNames) -> None:
        self._words = words
        self._names = names
        self._contexts: set[str] = set()
        self._missing: list[str] = []
        self._covered: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._covered

    def follow(self, contexts: Sequence[Context]) -> None:
        """Take over the contexts that all kubeconfigs have now."""
        missing = [
            word for word in self._words if not any(self._names.means(word, context) for context in contexts)
        ]
        for word in missing:
            if word not in self._missing:
                log.warning(
                    "read_only names what is in no kubeconfig any more: clusters that appear are read-only",
                    extra={"read_only": word},
                )
        self._missing = missing
        for context in contexts:
            appears = context.context not in self._contexts
            if any(self._names.means(word, context) for word in self._words) or (missing and appears):
                self._covered.add(context.name)
        self._contexts.update(context.context for context in contexts)
