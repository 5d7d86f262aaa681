"""Kubeconfigs on disk: read, and followed while others write them."""

import hashlib
import logging
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from app.kube.api_errors import AccessError
from app.kube.auth.contexts import Entries, Entry, Section, entries_of, merged
from app.kube.auth.kubeconfig_yaml import load_kubeconfig
from app.yaml_reader import NotYaml, Unreadable

log = logging.getLogger(__name__)

ACCEPTED = "accepted is a kubeconfig with contexts, as kubectl reads it"
# For how long a file must not have changed before it is taken over: as it is; where something that
# was there is missing; and where it looks as if it had not been written to its end.
SETTLED_SECONDS = 0.9
REMOVED_SECONDS = 5.0
DOUBTED_SECONDS = 15.0
_NOTHING: Entries = entries_of({}, Path())
_MISSING = b"missing"


class Stat(msgspec.Struct, frozen=True):
    """What tells one state of a file from another. Only regular files can be read again and again."""

    regular: bool
    inode: int
    modified: int
    size: int


class Reading(msgspec.Struct, frozen=True):
    """What a file held: ``entries`` where it is a kubeconfig, else ``problem`` in one line.

    ``whole`` says that it ends as files do that were written to their end.
    """

    digest: bytes
    entries: Entries | None
    problem: str = ""
    whole: bool = True


class KubeFile:
    """One kubeconfig. ``entries`` is what was last taken over from it.

    ``listed`` is a file of a KUBECONFIG list, which may be missing, empty, or without contexts.
    """

    def __init__(self, path: Path, *, listed: bool = False) -> None:
        self.path = path
        self.entries: Entries = _NOTHING
        self._listed = listed
        self._stat: Stat | None = None
        self._taken = b""
        self._candidate: Reading | None = None
        self._since = 0.0

    def start(self) -> None:
        """Take over what there is. Raises AccessError."""
        self._stat = _stat(self.path)
        reading = self._read()
        if reading.entries is None:
            raise AccessError(reading.problem)
        self._take(reading)

    def look(self, *, may_vanish: bool = False) -> bool:
        """Read again if the file is another; whether anything has been taken over.

        What was half written, empty or garbage for a moment is never taken over, nor is that the
        file is gone, unless it ``may_vanish``.
        """
        state = _stat(self.path)
        if (state == self._stat and self._candidate is None) or (state and not state.regular):
            return False
        self._stat = state
        reading, now = self._read(), time.monotonic()
        if reading.digest == self._taken:
            self._candidate = None
            return False
        if self._candidate is None or reading.digest != self._candidate.digest:
            self._candidate, self._since = reading, now
            if reading.problem:
                log.warning("kubeconfig not taken over", extra={"error": reading.problem})
            return False
        if reading.entries is None or (reading.digest == _MISSING and not may_vanish):
            return False
        if now - self._since < self._patience(reading, reading.entries):
            return False
        self._take(reading)
        return True

    def _take(self, reading: Reading) -> None:
        assert reading.entries is not None
        self.entries, self._taken, self._candidate = reading.entries, reading.digest, None

    def _patience(self, reading: Reading, entries: Entries) -> float:
        """For how long what was read must stay as it is before it is taken over."""
        before = self.entries["contexts"]
        sound = {context.context for context in merged([self.entries]) if not context.problem}
        dangling = any(
            context.problem and (context.context in sound or context.context not in before)
            for context in merged([entries])
        )
        if dangling or not reading.whole:
            return DOUBTED_SECONDS
        lost = any(_loses(self.entries[kind], entries[kind]) for kind in entries)
        return REMOVED_SECONDS if lost else SETTLED_SECONDS

    def _read(self) -> Reading:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError as error:
            if self._listed:
                return Reading(_MISSING, _NOTHING)
            return Reading(
                _MISSING, None, f"kubeconfig: cannot read {self.path}: {error.strerror}; {ACCEPTED}"
            )
        except OSError as error:
            problem = f"kubeconfig: cannot read {self.path}: {error.strerror}; {ACCEPTED}"
            return Reading(repr(error.errno).encode(), None, problem)
        digest = hashlib.sha256(content).digest()
        if digest == self._taken:
            return Reading(digest, self.entries)
        try:
            entries = entries_of(parsed(content, self.path, listed=self._listed), self.path)
        except AccessError as error:
            return Reading(digest, None, str(error))
        return Reading(digest, entries, whole=content.rstrip(b" ").endswith((b"\n", b"}")))


def _loses(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> bool:
    """Whether an entry that was there is missing, or one of its members, or one comes with none."""
    if before.keys() - after.keys():
        return True
    return any(
        before[name].section.keys() - entry.section.keys() if name in before else not entry.section
        for name, entry in after.items()
    )


def parsed(content: bytes, path: Path, *, listed: bool = False) -> Section:
    """The members of a kubeconfig; ``listed`` as for `KubeFile`. Raises AccessError."""
    try:
        document = load_kubeconfig(content)
        plain = _plain(document)
    except Unreadable as error:
        # Not all that it says: it may quote the line, and what stands there may be secret.
        if isinstance(error, NotYaml) and error.problem:
            why = f"no YAML: {error.problem} in line {error.line}"
        else:
            why = "no YAML that can be read"
        raise AccessError(f"kubeconfig: {path} is {why}; {ACCEPTED}") from None
    if plain is None and listed:
        return {}
    if plain is None:
        raise AccessError(f"kubeconfig: {path} is empty; {ACCEPTED}")
    if not isinstance(plain, dict):
        raise AccessError(f"kubeconfig: {path} is a {type(plain).__name__}; {ACCEPTED}")
    if plain.get("kind", "Config") != "Config":
        raise AccessError(f"kubeconfig: {path} is of kind {plain['kind']!r}; {ACCEPTED}")
    # kubectl writes `contexts: null` where it has removed the last one.
    if "contexts" not in document and not listed:
        raise AccessError(f"kubeconfig: {path} has no contexts; {ACCEPTED}")
    return plain


def _plain(value: Any) -> Any:
    """As JSON has it: all keys are strings. A null is what it is to kubectl: left out."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _stat(path: Path) -> Stat | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return Stat(stat.S_ISREG(state.st_mode), state.st_ino, state.st_mtime_ns, state.st_size)
