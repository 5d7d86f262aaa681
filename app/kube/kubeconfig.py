"""Which clusters there are to watch: the contexts of kubeconfigs, or the account of the pod."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from app.kube.errors import AccessError

IN_CLUSTER = "in-cluster"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
# The members that name files, which are relative to the kubeconfig that names them.
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
# What kubectl itself replaces when it has refreshed an OIDC login (`reread_user`).
_REFRESHED = ("id-token", "refresh-token")

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A cluster, user or context of a kubeconfig, its files made absolute, and where it stands."""

    kind: str
    name: str
    path: Path
    section: Section = field(repr=False)


@dataclass(frozen=True)
class Context:
    """One context: a cluster to be.

    ``name`` is the cluster's, ``context`` what the file says, ``source`` the file.
    ``cluster`` and ``user`` are those sections of the kubeconfig, their files made
    absolute, and ``user_entry`` is where the latter stands, None where it stands nowhere.
    ``problem`` is what is wrong with it, which shows when it is opened.
    """

    name: str
    context: str
    source: str
    cluster: Section = field(repr=False)
    user: Section = field(repr=False)
    user_entry: Entry | None = field(default=None, repr=False)
    problem: str | None = None

    @property
    def fingerprint(self) -> str:
        """Another one when anything about how to connect is."""
        user = _without_refreshed(self.user)
        parts = [self.name, self.context, self.source, self.cluster, user, self.problem]
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
    there = dict.fromkeys(context.context for context in found)
    for name in contexts:
        if name not in there:
            accepted = ", ".join(sorted(there)) or "nothing, as there are no contexts"
            raise AccessError(f"context: {name!r} is in no kubeconfig; accepted is {accepted}")
    return [context for context in found if not contexts or context.context in contexts]


def watched_files(kubeconfigs: Sequence[Path] = (), *, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files whose change means that `find_contexts` is to be asked again."""
    return list(kubeconfigs) or _listed(environ) or [_default(environ)]


def reread_user(context: Context) -> Section:
    """The user of a context as its file has it now, or as it was where that cannot be told."""
    entry = context.user_entry
    if entry is None:
        return context.user
    try:
        return _entries(_read(entry.path), entry.kind, entry.path)[entry.name].section
    except (AccessError, KeyError):
        return context.user


def _unnamed(kubeconfigs: Sequence[Path], environ: Mapping[str, str]) -> list[Context]:
    if kubeconfigs:
        return [context for path in kubeconfigs for context in _contexts([path])]
    listed = _listed(environ)
    if listed:
        there = [path for path in listed if _is_there(path)]
        if not there:
            raise AccessError(f"KUBECONFIG: {environ['KUBECONFIG']!r} names no file that exists")
        return _contexts(there)
    if _is_there(_default(environ)):
        return _contexts([_default(environ)])
    if environ.get("KUBERNETES_SERVICE_HOST") and _is_there(ACCOUNT / "token"):
        return [_in_cluster(environ)]
    raise AccessError(
        f"kubeconfig: there is no {_default(environ)}, no KUBECONFIG and no in-cluster account; "
        "name a file with --kubeconfig, or try --demo"
    )


def _is_there(path: Path) -> bool:
    """Whether a file exists, or may: one in a folder that is closed to us is to be complained about."""
    try:
        return path.exists()
    except PermissionError:
        return True


def _listed(environ: Mapping[str, str]) -> list[Path]:
    return [Path(name) for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]


def _default(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home()) / ".kube" / "config"


def _in_cluster(environ: Mapping[str, str]) -> Context:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT") or "443"
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
        named.append(replace(context, name=name))
    return named


def _contexts(paths: Sequence[Path]) -> list[Context]:
    """The contexts of these files merged as kubectl merges them: the first of a name wins, whole."""
    merged: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
    for path in paths:
        document = _read(path)
        for kind, known in merged.items():
            known |= {
                name: found for name, found in _entries(document, kind, path).items() if name not in known
            }
    return [_context(entry, merged) for entry in merged["contexts"].values()]


def _context(entry: Entry, merged: Mapping[str, Mapping[str, Entry]]) -> Context:
    names = {kind: str(entry.section.get(kind, "")) for kind in ("cluster", "user")}
    cluster, user = (merged[f"{kind}s"].get(name) for kind, name in names.items())
    problem = None
    if cluster is None:
        problem = f"its cluster {names['cluster']!r} is not there"
    elif user is None and names["user"]:
        problem = f"its user {names['user']!r} is not there"
    elif not cluster.section.get("server"):
        problem = f"its cluster {names['cluster']!r} names no server"
    return Context(
        "",
        entry.name,
        str(entry.path),
        cluster.section if cluster else {},
        user.section if user else {},
        user,
        problem and f"context {entry.name!r} of {entry.path}: {problem}",
    )


def _entries(document: Section, kind: str, path: Path) -> dict[str, Entry]:
    """The entries of ``clusters``, ``users`` or ``contexts`` by name, the first of each."""
    found: dict[str, Entry] = {}
    entries = document.get(kind, [])
    if not isinstance(entries, list):
        raise AccessError(f"kubeconfig: {kind} of {path} is a {type(entries).__name__}; accepted is a list")
    for entry in entries:
        if isinstance(entry, dict) and "name" in entry:
            name, section = str(entry["name"]), entry.get(kind.removesuffix("s"))
            # Absolute, or "./plugin" in this folder would become the name of a program to look for.
            section = _absolute(section if isinstance(section, dict) else {}, path.absolute().parent)
            found.setdefault(name, Entry(kind, name, path, section))
    return found


def _absolute(section: Section, folder: Path) -> Section:
    named = {key: str(folder / section[key]) for key in _FILES if isinstance(section.get(key), str)}
    found = {**section, **{key: path for key, path in named.items() if section[key]}}
    plugin = section.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        found["exec"] = {**plugin, "command": str(folder / str(plugin["command"]))}
    return found


def _without_refreshed(user: Section) -> Section:
    provider = user.get("auth-provider")
    if not isinstance(provider, dict) or not isinstance(config := provider.get("config"), dict):
        return user
    kept = {key: value for key, value in config.items() if key not in _REFRESHED}
    return {**user, "auth-provider": {**provider, "config": kept}}


def _read(path: Path) -> Section:
    try:
        document = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        plain = _plain(document)
    except OSError as error:
        raise AccessError(f"kubeconfig: cannot read {path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        # Not all that it says: it may quote the line, and what stands there may be secret.
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise AccessError(f"kubeconfig: {path} is no YAML: {error.problem} in line {line}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise AccessError(f"kubeconfig: {path} is no YAML that can be read") from None
    if not isinstance(plain, dict | None):
        raise AccessError(f"kubeconfig: {path} is a {type(plain).__name__}; accepted is a kubeconfig")
    return plain or {}


def _plain(value: Any) -> Any:
    """As JSON has it: all keys are strings. A null is what it is to kubectl: left out."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
