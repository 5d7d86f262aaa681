"""All clusters: those that the kubeconfigs name now, as these come, change and go."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from app.fleet.cluster import Cluster, ClusterOptions
from app.fleet.coverage import Coverage, resource_meant
from app.fleet.restrictions.namespace_restrictions import NamespaceRestrictions
from app.fleet.restrictions.read_only import ReadOnlyClusters
from app.kube.api_errors import AccessError
from app.kube.auth.cluster_names import near
from app.kube.auth.contexts import Context
from app.kube.auth.kubeconfig import Kubeconfigs, check_chosen, choose
from app.kube.auth.shared_credentials import Keyring
from app.kube.discovery.resource_names import AmbiguousResource, UnknownResource, match
from app.suggestions import no_cluster

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
STARTS_A_TURN = 10


class UnknownCluster(LookupError):
    """No cluster has this ``name``. The message names it and the clusters that there are."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Fleet:
    """The clusters by name, in the order of their names.

    ``kubeconfigs`` and ``contexts`` are the command line's; ``namespaces`` are the namespaces that
    a cluster is restricted to, and ``read_only`` the clusters in which nothing may be changed, both
    by the cluster's name or its context's. ``protection`` has the names of the latter. ``maker``
    tells what this fleet has dated, by its clock and what it has seen, from what others have.
    ``listeners`` are called with the name of a cluster that came, went, or changed in
    anything but its objects; they must not wait for anything.
    """

    def __init__(
        self,
        options: ClusterOptions,
        kubeconfigs: Sequence[Path] = (),
        contexts: Sequence[str] = (),
        namespaces: Mapping[str, Sequence[str]] | None = None,
        read_only: Sequence[str] = (),
    ) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.maker = secrets.token_bytes(4)
        self.listeners: list[Callable[[str], None]] = []
        self._options = options
        self._keyring = Keyring()
        self._kubeconfigs = Kubeconfigs(kubeconfigs)
        self._contexts = contexts
        self._namespaces = namespaces or {}
        self._read_only = read_only
        self.protection = ReadOnlyClusters(read_only, self._kubeconfigs.names)
        self._restrictions = NamespaceRestrictions(self._namespaces, self._kubeconfigs.names)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch every cluster.

        Raises AccessError where no kubeconfig can be read, or none has what a setting names.
        """
        await asyncio.to_thread(self._kubeconfigs.start)
        contexts = self._kubeconfigs.contexts()
        check_chosen(self._contexts, contexts)
        for setting, words in (("read_only", self._read_only), ("clusters", self._namespaces)):
            self._check_words(setting, words, contexts)
        await self._settle_on(contexts)
        self._task = asyncio.create_task(self._look(), name="kubeconfigs")

    async def close(self) -> None:
        """Stop following the kubeconfigs, and close all clusters."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(cluster.close() for cluster in self.clusters.values()))
        await self._keyring.close()

    def chosen(self, names: Collection[str] | None) -> list[Cluster]:
        """The clusters of these names, all for None. Raises UnknownCluster."""
        if names is None:
            return list(self.clusters.values())
        for name in names:
            if name not in self.clusters:
                raise UnknownCluster(name, no_cluster(name, self.clusters))
        return [self.clusters[name] for name in sorted(set(names))]

    def coverage(self, word: str, clusters: Sequence[Cluster] | None = None) -> Coverage:
        """Return the resource that ``word`` means over these clusters, all for None.

        Raises UnknownResource, AmbiguousResource.
        """
        clusters = self.chosen(None) if clusters is None else clusters
        return Coverage(resource_meant(word, clusters), clusters)

    def _check_words(self, setting: str, words: Iterable[str], contexts: Sequence[Context]) -> None:
        """Raises AccessError for a name that no kubeconfig has: what it is to protect would stay open."""
        for word in words:
            if not any(self._kubeconfigs.names.means(word, context) for context in contexts):
                raise AccessError(
                    f"{setting}: {word!r} is in no kubeconfig; accepted is the name of a cluster "
                    f"or of a context: {near(word, contexts) or 'there are none'}"
                )

    async def _look(self) -> None:
        """Pick up kubeconfigs that change on disk, and say once what of ``watch`` no cluster serves."""
        checked = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if await asyncio.to_thread(self._kubeconfigs.look):
                    await self._settle_on(self._kubeconfigs.contexts())
            except Exception:
                log.exception("kubeconfigs cannot be followed")
            checked = checked or self._check_watched()

    def _check_watched(self) -> bool:
        """Warn of words in ``watch`` that no cluster serves; False where that cannot be told yet."""
        clusters = list(self.clusters.values())
        catalogs = [cluster.catalog for cluster in clusters if cluster.identity is not None]
        if not catalogs or not all(cluster.settled.is_set() for cluster in clusters):
            return False
        for word in self._options.watch:
            try:
                match(word, catalogs)
            except (UnknownResource, AmbiguousResource) as error:
                log.warning("watch names what is not watched", extra={"watch": word, "error": str(error)})
        return True

    async def _settle_on(self, contexts: Sequence[Context]) -> None:
        """Have the clusters of these contexts that are to be watched: those that changed are begun anew."""
        self.protection.follow(contexts)
        self._restrictions.follow(contexts)
        wanted = {context.name: context for context in choose(contexts, self._contexts)}
        ended = [
            cluster
            for name, cluster in self.clusters.items()
            if name not in wanted or wanted[name].fingerprint != cluster.context.fingerprint
        ]
        clusters = {name: cluster for name, cluster in self.clusters.items() if cluster not in ended}
        begun = wanted.keys() - clusters.keys()
        for name, context in wanted.items():
            if name in begun:
                options = self._options.restricted(self._restrictions.of(context))
                clusters[name] = Cluster(context, options, self._tell, self._keyring)
        for cluster in ended:
            if cluster.name not in wanted:
                log.info("cluster is removed", extra={"cluster": cluster.name})
        self.clusters = dict(sorted(clusters.items()))
        for name in sorted({cluster.name for cluster in ended} | begun):
            self._tell(name)
        for number, name in enumerate(name for name in wanted if name in begun):
            log.info("cluster is watched", extra={"cluster": name, "context": wanted[name].context})
            clusters[name].start()
            # Hundreds that begin in one turn of the loop would hold up everybody else.
            if number % STARTS_A_TURN == STARTS_A_TURN - 1:
                await asyncio.sleep(0)
        await asyncio.gather(*(cluster.close() for cluster in ended))

    def _tell(self, name: str) -> None:
        for listener in self.listeners:
            listener(name)
