"""Which clusters there are to watch: the contexts of kubeconfigs, or the account of the pod."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from app.kube.api_errors import AccessError
from app.kube.auth.cluster_names import ClusterNames, near
from app.kube.auth.contexts import Context, Section, entries_of, merged
from app.kube.auth.kubeconfig_files import ACCEPTED, KubeFile, parsed

IN_CLUSTER = "in-cluster"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Kubeconfigs:
    """These files, else those of ``KUBECONFIG``, else ~/.kube/config, else the in-cluster account.

    ``names`` are the names of clusters, which last as long as this object.
    """

    def __init__(self, paths: Sequence[Path] = (), *, environ: Mapping[str, str] = os.environ) -> None:
        self.names = ClusterNames()
        self._environ = environ
        self._paths = paths

    @cached_property
    def _groups(self) -> list[list[KubeFile]]:
        """Those of a group are merged. Raises AccessError."""
        return _groups(self._paths, self._environ)

    @property
    def files(self) -> list[KubeFile]:
        """The kubeconfigs that are read; none for the in-cluster account. Raises AccessError."""
        return [file for group in self._groups for file in group]

    def start(self) -> None:
        """Find and read them for the first time. Raises AccessError where there are no contexts."""
        for file in self.files:
            file.start()
        for group in self._groups:
            if not any(file.entries["contexts"] for file in group):
                where = ", ".join(str(file.path) for file in group)
                raise AccessError(f"kubeconfig: {where} has no contexts; {ACCEPTED}")

    def look(self) -> bool:
        """Read again those that changed; whether anything has been taken over."""
        taken = [_look(file, group) for group in self._groups for file in group]
        return any(taken)

    def contexts(self) -> list[Context]:
        """The contexts as they were last taken over."""
        if not self._groups:
            return self.names.give([_in_cluster(self._environ)])
        merges = [merged(file.entries for file in group) for group in self._groups]
        return self.names.give(context for contexts in merges for context in contexts)


def _look(file: KubeFile, group: Sequence[KubeFile]) -> bool:
    """A file of a list may be missing, as long as another one is there."""
    return file.look(may_vanish=any(other.path.exists() for other in group if other is not file))


def find_contexts(
    paths: Sequence[Path] = (), chosen: Sequence[str] = (), *, environ: Mapping[str, str] = os.environ
) -> list[Context]:
    """The contexts that there are now; of those the ones named, all if none is.

    Raises AccessError where there is nothing to read, or a name is not there.
    """
    kubeconfigs = Kubeconfigs(paths, environ=environ)
    kubeconfigs.start()
    contexts = kubeconfigs.contexts()
    check_chosen(chosen, contexts)
    return choose(contexts, chosen)


def choose(contexts: Sequence[Context], chosen: Sequence[str]) -> list[Context]:
    """Those that are called so in their files, all where nothing is chosen."""
    return [context for context in contexts if not chosen or context.context in chosen]


def check_chosen(chosen: Sequence[str], contexts: Sequence[Context]) -> None:
    """Raises AccessError for a context that is in no kubeconfig."""
    for word in chosen:
        if not any(context.context == word for context in contexts):
            raise AccessError(f"context: {word!r} is in no kubeconfig; near to it is {near(word, contexts)}")


def reread_user(context: Context) -> Section:
    """The user of a context as its file has it now, or as it was where that cannot be told."""
    entry = context.user_entry
    if entry is None:
        return context.user
    try:
        document = parsed(entry.path.read_bytes(), entry.path, listed=True)
        return entries_of(document, entry.path)[entry.kind][entry.name].section
    except (OSError, AccessError, KeyError):
        return context.user


def _groups(paths: Sequence[Path], environ: Mapping[str, str]) -> list[list[KubeFile]]:
    """The files, those that are merged together; none for the in-cluster account. Raises AccessError."""
    if paths:
        return [[KubeFile(path)] for path in paths]
    listed = [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    if listed:
        if not any(_is_there(path) for path in listed):
            raise AccessError(f"KUBECONFIG: {environ['KUBECONFIG']!r} names no file that exists; {ACCEPTED}")
        return [[KubeFile(path, listed=True) for path in listed]]
    default = Path(environ.get("HOME") or Path.home()) / ".kube" / "config"
    if _is_there(default):
        return [[KubeFile(default)]]
    if environ.get("KUBERNETES_SERVICE_HOST") and _is_there(ACCOUNT / "token"):
        return []
    raise AccessError(
        f"kubeconfig: there is no {default}, no KUBECONFIG and no in-cluster account; "
        "name a file with --kubeconfig, or try --demo"
    )


def _is_there(path: Path) -> bool:
    """Whether a file exists, or may: one in a folder that is closed to us is to be complained about."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _in_cluster(environ: Mapping[str, str]) -> Context:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": str(ACCOUNT / "ca.crt")}
    return Context(IN_CLUSTER, IN_CLUSTER, str(ACCOUNT), cluster, {"tokenFile": str(ACCOUNT / "token")})
