"""Manifests as kubectl's ``-f`` takes them: files, directories, URLs, stdin.

They are sent as they were written: what a scalar of YAML means is for the server to say.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from app.commands.outcome import Complaint, Misuse

_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_SECONDS = 30
_MOST_BYTES = 64 * 2**20
_Events: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# All scalars are texts: a namespace called "on" is no truth.
_Texts: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class Source(NamedTuple):
    """One file, and what is in it."""

    name: str
    text: str


class Identity(NamedTuple):
    """What an object of a manifest is called. ``namespace`` is "" where it names none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @property
    def resource(self) -> str:
        """A word for its resource: the kind, with the group where it has one."""
        group = self.api_version.rpartition("/")[0]
        return f"{self.kind.lower()}.{group}" if group else self.kind.lower()


def read(filenames: Sequence[str], *, recursive: bool) -> list[Source]:
    """What is in all of them, in their order, as YAML. Raises Complaint."""
    if not filenames:
        raise Misuse("say what: -f FILE, a directory, a URL, or - for stdin")
    if filenames.count("-") > 1:
        raise Misuse("-f -: stdin can be read once only")
    return [
        Source(name, _checked(name, content))
        for filename in filenames
        for name, content in _contents_of(filename, recursive=recursive)
    ]


def joined(sources: Sequence[Source]) -> str:
    """All of them as one stream of YAML documents."""
    return "\n---\n".join(source.text for source in sources)


def identities(sources: Sequence[Source]) -> list[Identity]:
    """The objects in them. Raises Complaint."""
    return [
        identity
        for source in sources
        for document in yaml.load_all(source.text, Loader=_Texts)
        for identity in _identities(source.name, document)
    ]


def _checked(name: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Complaint(f"-f {name}: byte {error.start} is not UTF-8") from None
    if text.lstrip().startswith(("{", "[")):
        try:
            # Tabs and long keys are fine in JSON, and not in YAML.
            document = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            parts = document if isinstance(document, list) else [document]
            return "\n---\n".join(json.dumps(part) for part in parts)
    try:
        for _ in yaml.parse(text, Loader=_Events):
            pass
    except yaml.YAMLError as error:
        raise Complaint(f"-f {name}: cannot be read as YAML or JSON: {error}") from None
    return text


def _identities(source: str, document: Any) -> Iterator[Identity]:
    if document in (None, ""):
        return
    if isinstance(document, list):
        for each in document:
            yield from _identities(source, each)
        return
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        raise Complaint(f"-f {source}: a document is no object of Kubernetes: it has no kind")
    if kind.endswith("List") and isinstance(document.get("items"), list):
        yield from _identities(source, document["items"])
        return
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str):
        raise Complaint(f"-f {source}: a {kind} has no metadata.name")
    yield Identity(str(document.get("apiVersion", "")), kind, metadata.get("namespace") or "", name)


def _contents_of(filename: str, *, recursive: bool) -> Iterator[tuple[str, bytes]]:
    if filename == "-":
        yield "stdin", sys.stdin.buffer.read()
    elif filename.startswith(("http://", "https://")):
        yield filename, _fetched(filename)
    elif Path(filename).is_dir():
        pattern = "**/*" if recursive else "*"
        paths = [path for path in sorted(Path(filename).glob(pattern)) if path.suffix in _SUFFIXES]
        files = [path for path in paths if path.is_file()]
        if not files:
            raise Complaint(f"-f {filename}: the directory has no .yaml, .yml or .json files")
        for path in files:
            yield str(path), _contents(path)
    else:
        yield filename, _contents(Path(filename))


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Complaint(f"-f {path}: {error.strerror or error}") from None


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            body: bytes = answer.read(_MOST_BYTES + 1)
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise Complaint(f"-f {url}: {getattr(error, 'reason', None) or error}") from None
    if len(body) > _MOST_BYTES:
        raise Complaint(f"-f {url}: more than {_MOST_BYTES // 2**20} MiB")
    return body
