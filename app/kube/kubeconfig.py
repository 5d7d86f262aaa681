"""Which clusters there are to watch: the contexts of kubeconfigs, or the account of the pod."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.kube.errors import AccessError

IN_CLUSTER = "in-cluster"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# The members that name files, which are relative to the kubeconfig that names them.
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """One context: a cluster to be.

    ``name`` is the cluster's, ``context`` what the file says, ``source`` the file.
    ``cluster`` and ``user`` are those sections of the kubeconfig, their files made
    absolute. ``problem`` is what is wrong with it, which shows when it is opened.
    ``fingerprint`` is another when anything about how to connect is.
    """

    name: str
    context: str
    source: str
    cluster: Section = field(repr=False)
    user: Section = field(repr=False)
    problem: str | None = None

    @property
    def fingerprint(self) -> str:
        parts = [self.name, self.context, self.source, self.cluster, self.user, self.problem]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def find_contexts(
    kubeconfigs: Sequence[Path] = (),
    contexts: Sequence[str] = (),
    *,
    environ: Mapping[str, str] = os.environ,
) -> list[Context]:
    """The contexts of these files, else of ``KUBECONFIG``, else of ~/.kube/config, else the
    in-cluster account; of those the ones named, all if none is.

    Raises AccessError where there is nothing to read, or a name is not there.
    """
    found = _named(_unnamed(kubeconfigs, environ))
    missing = [name for name in contexts if name not in {context.context for context in found}]
    if missing:
        there = ", ".join(sorted({context.context for context in found})) or "none"
        raise AccessError(f"context: {missing[0]!r} is in no kubeconfig; accepted is {there}")
    return [context for context in found if not contexts or context.context in contexts]


def watched_files(kubeconfigs: Sequence[Path] = (), *, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files whose change means that `find_contexts` is to be asked again."""
    return list(kubeconfigs) or _listed(environ) or [_default(environ)]


def _unnamed(kubeconfigs: Sequence[Path], environ: Mapping[str, str]) -> list[Context]:
    if kubeconfigs:
        return [context for path in kubeconfigs for context in _contexts([path])]
    listed = _listed(environ)
    if listed:
        there = [path for path in listed if path.exists()]
        if not there:
            raise AccessError(f"KUBECONFIG: {environ['KUBECONFIG']!r} names no file that exists")
        return _contexts(there)
    if _default(environ).exists():
        return _contexts([_default(environ)])
    if environ.get("KUBERNETES_SERVICE_HOST") and (ACCOUNT / "token").exists():
        return [_in_cluster(environ)]
    raise AccessError(
        f"kubeconfig: there is no {_default(environ)}, no KUBECONFIG and no in-cluster account; "
        "name a file with --kubeconfig, or try --demo"
    )


def _listed(environ: Mapping[str, str]) -> list[Path]:
    return [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]


def _default(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home()) / ".kube" / "config"


def _in_cluster(environ: Mapping[str, str]) -> Context:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": str(ACCOUNT / "ca.crt")}
    return Context(IN_CLUSTER, IN_CLUSTER, str(ACCOUNT), cluster, {"tokenFile": str(ACCOUNT / "token")})


def _named(contexts: Iterable[Context]) -> list[Context]:
    """With the names of clusters: what is not allowed made ``-``, a second one numbered."""
    taken: set[str] = set()
    named = []
    for context in contexts:
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", context.context) or "-"
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        named.append(Context(name, *_fields(context)))
    return named


def _fields(context: Context) -> tuple[str, str, Section, Section, str | None]:
    return context.context, context.source, context.cluster, context.user, context.problem


def _contexts(paths: Sequence[Path]) -> list[Context]:
    """The contexts of these files merged as kubectl merges them: the first of a name wins."""
    merged: dict[str, dict[str, tuple[Section, str]]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in paths:
        document = _read(path)
        for kind, known in merged.items():
            for name, section in _sections(document, kind, path).items():
                known.setdefault(name, (section, str(path)))
    found = []
    for name, (section, source) in merged["contexts"].items():
        cluster, problem = _referred(merged["clusters"], "cluster", section.get("cluster"))
        user: Section = {}
        if section.get("user"):
            user, other = _referred(merged["users"], "user", section["user"])
            problem = problem or other
        if problem is None and not isinstance(cluster.get("server"), str):
            problem = f"cluster {section.get('cluster')!r} names no server"
        if problem is not None:
            problem = f"context {name!r} of {source}: {problem}"
        found.append(Context("", name, source, cluster, user, problem))
    return found


def _referred(known: Mapping[str, tuple[Section, str]], kind: str, name: Any) -> tuple[Section, str | None]:
    if isinstance(name, str) and name in known:
        return known[name][0], None
    return {}, f"its {kind} {name!r} is not there"


def _sections(document: Section, kind: str, path: Path) -> dict[str, Section]:
    """The entries of ``clusters``, ``users`` or ``contexts`` by name, the first of each."""
    found: dict[str, Section] = {}
    entries = document.get(kind) or []
    if not isinstance(entries, list):
        raise AccessError(f"kubeconfig: {kind} of {path} is not a list")
    for entry in entries:
        if isinstance(entry, dict) and entry.get("name") is not None:
            section = entry.get(kind.removesuffix("s"))
            absolute = _absolute(section if isinstance(section, dict) else {}, path.parent)
            found.setdefault(str(entry["name"]), absolute)
    return found


def _absolute(section: Section, folder: Path) -> Section:
    named = {key: str(folder / section[key]) for key in _FILES if isinstance(section.get(key), str)}
    found = {**section, **{key: path for key, path in named.items() if section[key]}}
    plugin = section.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        found["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return found


def _read(path: Path) -> Section:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise AccessError(f"kubeconfig: cannot read {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise AccessError(f"kubeconfig: {path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict | None):
        raise AccessError(f"kubeconfig: {path} is no kubeconfig but a {type(document).__name__}")
    return document or {}
