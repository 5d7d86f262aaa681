"""All clusters: those that the kubeconfigs name now, as these come, change and go."""

import asyncio
import difflib
import logging
import os
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from app.fleet.cluster import Cluster, Options
from app.fleet.coverage import Coverage
from app.kube.discovery import WELL_KNOWN
from app.kube.errors import AccessError
from app.kube.kubeconfig import Context, find_contexts, watched_files
from app.kube.names import match

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class UnknownCluster(LookupError):
    """A cluster that is not there was asked for; the message names it and what is."""


class Fleet:
    """The clusters by name, in the order of their names.

    ``kubeconfigs`` and ``contexts`` are the command line's (`find_contexts`);
    ``namespaces`` are the namespaces that a cluster, by name, is restricted to. ``maker``
    tells what this fleet has dated, by its clock and what it has seen, from what others have.
    ``listeners`` are called with the name of a cluster that came, went, or changed in
    anything but its objects; they must not wait for anything.
    """

    def __init__(
        self,
        options: Options,
        kubeconfigs: Sequence[Path] = (),
        contexts: Sequence[str] = (),
        namespaces: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.clusters: dict[str, Cluster] = {}
        self.maker = secrets.token_bytes(4)
        self.listeners: list[Callable[[str], None]] = []
        self._options = options
        self._kubeconfigs = kubeconfigs
        self._contexts = contexts
        self._namespaces = namespaces or {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch every cluster. Raises AccessError where no kubeconfig can be read."""
        seen = self._state_of_files()
        await self._settle_on(find_contexts(self._kubeconfigs, self._contexts))
        self._task = asyncio.create_task(self._look(seen), name="kubeconfigs")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(cluster.close() for cluster in self.clusters.values()))

    def chosen(self, names: Collection[str] | None) -> list[Cluster]:
        """The clusters of these names, all for None. Raises UnknownCluster."""
        if names is None:
            return list(self.clusters.values())
        for name in names:
            if name not in self.clusters:
                near = difflib.get_close_matches(name, self.clusters, n=3) or list(self.clusters)[:10]
                raise UnknownCluster(
                    f"there is no cluster {name!r}; there is {', '.join(near) or 'none at all'}"
                )
        return [self.clusters[name] for name in sorted(set(names))]

    def coverage(self, word: str, names: Collection[str] | None = None) -> Coverage:
        """The resource that ``word`` means in these clusters.

        Raises UnknownCluster, and UnknownResource or AmbiguousResource of `app.kube.names`.
        """
        clusters = self.chosen(names)
        catalogs = [cluster.catalog for cluster in clusters] or [WELL_KNOWN]
        return Coverage(match(word, catalogs), clusters)

    async def _look(self, seen: object) -> None:
        """Pick up kubeconfigs that change on disk."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            found = self._state_of_files()
            if found == seen:
                continue
            seen = found
            try:
                contexts = find_contexts(self._kubeconfigs, self._contexts)
            except AccessError as error:
                # A file that is being written, or is wrong, is no reason to drop clusters that work.
                log.warning("kubeconfig not taken over", extra={"error": str(error)})
            else:
                await self._settle_on(contexts)

    def _state_of_files(self) -> list[tuple[str, int, int] | None]:
        return [_state(path) for path in watched_files(self._kubeconfigs)]

    async def _settle_on(self, contexts: Sequence[Context]) -> None:
        """Have just these clusters: those that changed are begun anew."""
        wanted = {context.name: context for context in contexts}
        ended = [
            cluster
            for name, cluster in self.clusters.items()
            if name not in wanted or wanted[name].fingerprint != cluster.context.fingerprint
        ]
        clusters = {name: cluster for name, cluster in self.clusters.items() if cluster not in ended}
        begun = wanted.keys() - clusters.keys()
        for name, context in wanted.items():
            if name in begun:
                options = self._options.restricted(self._namespaces.get(name, ()))
                clusters[name] = Cluster(context, options, self._tell)
                log.info("cluster is watched", extra={"cluster": name, "context": context.context})
                clusters[name].start()
        for cluster in ended:
            if cluster.name not in wanted:
                log.info("cluster is removed", extra={"cluster": cluster.name})
        self.clusters = dict(sorted(clusters.items()))
        for name in sorted({cluster.name for cluster in ended} | begun):
            self._tell(name)
        await asyncio.gather(*(cluster.close() for cluster in ended))

    def _tell(self, name: str) -> None:
        for listener in self.listeners:
            listener(name)


def _state(path: Path) -> tuple[str, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size
