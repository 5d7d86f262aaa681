"""Contexts, and the entries of kubeconfigs that they are made of."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from app.kube.api_errors import AccessError

KINDS = ("clusters", "users", "contexts")
# The members that name files, which are relative to the kubeconfig that names them.
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
# What kubectl itself replaces when it has refreshed an OIDC login (`reread_user`).
_REFRESHED = ("id-token", "refresh-token")

Section = Mapping[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """A cluster, user or context of a kubeconfig, its files made absolute, and where it stands."""

    kind: str
    name: str
    path: Path
    section: Section

    def __repr__(self) -> str:
        """Leave out the section, which may hold a password or a key."""
        return f"Entry({self.kind!r}, {self.name!r}, {str(self.path)!r})"


# By kind (``clusters``, ``users``, ``contexts``) and name.
Entries = Mapping[str, Mapping[str, Entry]]


class Context(msgspec.Struct, frozen=True):
    """One context: a cluster to be.

    ``name`` is the cluster's, ``context`` what the file says, ``source`` the file.
    ``cluster`` and ``user`` are those sections of the kubeconfig, their files made
    absolute, and ``user_entry`` is where the latter stands, None where it stands nowhere.
    ``problem`` is what is wrong with it, which shows when it is opened.
    """

    name: str
    context: str
    source: str
    cluster: Section
    user: Section
    user_entry: Entry | None = None
    problem: str | None = None

    def __repr__(self) -> str:
        """Leave out the sections, which may hold a password or a key."""
        return f"Context({self.name!r}, {self.context!r}, {self.source!r}, problem={self.problem!r})"

    @property
    def fingerprint(self) -> str:
        """A hash of the names, the cluster and the user: it changes when any of them does.

        Tokens that kubectl renews in the file are left out.
        """
        user = without_refreshed(self.user)
        parts = [self.name, self.context, self.source, self.cluster, user, self.problem]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def entries_of(document: Section, path: Path) -> Entries:
    """The entries of a kubeconfig, the first of each name. Raises AccessError."""
    return {kind: _entries(document, kind, path) for kind in KINDS}


def merged(files: Iterable[Entries]) -> list[Context]:
    """The contexts of files merged as kubectl merges them: the first of a name wins, whole."""
    whole: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
    for entries in files:
        for kind, merged_entries in whole.items():
            for name, entry in entries[kind].items():
                merged_entries.setdefault(name, entry)
    return [_context(entry, whole) for entry in whole["contexts"].values()]


def _context(entry: Entry, whole: Entries) -> Context:
    names = {kind: str(entry.section.get(kind, "")) for kind in ("cluster", "user")}
    cluster, user = (whole[f"{kind}s"].get(name) for kind, name in names.items())
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
    by_name: dict[str, Entry] = {}
    entries = document.get(kind, [])
    if not isinstance(entries, list):
        raise AccessError(f"kubeconfig: {kind} of {path} is a {type(entries).__name__}; accepted is a list")
    for entry in entries:
        if isinstance(entry, dict) and "name" in entry:
            name, section = str(entry["name"]), entry.get(kind.removesuffix("s"))
            # Absolute, or "./plugin" in this folder would become the name of a program to look for.
            section = _absolute(section if isinstance(section, dict) else {}, path.absolute().parent)
            by_name.setdefault(name, Entry(kind, name, path, section))
    return by_name


def _absolute(section: Section, folder: Path) -> Section:
    named = {key: str(folder / section[key]) for key in _FILES if isinstance(section.get(key), str)}
    absolute = {**section, **{key: path for key, path in named.items() if section[key]}}
    plugin = section.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        absolute["exec"] = {**plugin, "command": str(folder / str(plugin["command"]))}
    return absolute


def without_refreshed(user: Section) -> Section:
    """A user without what kubectl itself replaces."""
    provider = user.get("auth-provider")
    if not isinstance(provider, dict) or not isinstance(config := provider.get("config"), dict):
        return user
    kept = {key: value for key, value in config.items() if key not in _REFRESHED}
    return {**user, "auth-provider": {**provider, "config": kept}}
