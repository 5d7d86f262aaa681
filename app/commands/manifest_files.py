"""Manifests as kubectl's ``-f`` takes them: files, directories, URLs, stdin.

Each file is read by itself, with the reader of the server: the commands and the server see
the same objects, and no file can change what another one says.
"""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.commands.exit_status import Complaint, Misuse
from app.manifest import Manifest, read_any
from app.yaml_reader import Unreadable

_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_SECONDS = 30
_MOST_BYTES = 64 * 2**20


def read(filenames: Sequence[str], *, recursive: bool) -> list[Manifest]:
    """The objects of all of them, in their order. Raises Complaint."""
    if not filenames:
        raise Misuse("say what: -f FILE, a directory, a URL, or - for stdin")
    if filenames.count("-") > 1:
        raise Misuse("-f -: stdin can be read once only")
    manifests = [
        manifest
        for filename in filenames
        for name, content in _contents_of(filename, recursive=recursive)
        for manifest in _manifests(name, content)
    ]
    if not manifests:
        raise Complaint(f"-f {', '.join(filenames)}: there is no object in it")
    return manifests


def _manifests(name: str, content: bytes) -> list[Manifest]:
    try:
        return read_any(content, is_json=False)
    except Unreadable as error:
        raise Complaint(f"-f {name}: cannot be read as YAML or JSON: {error}") from None


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
