"""``k8s-mcp apply``: manifests, server-side, in one cluster or in several; and reading what ``-f`` names.

Each file is read by itself, with the reader of the server: the commands and the server see
the same objects, and no file can change what another one says.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options
from app.commands.change_results import Change, Line, carry_out, clusters_to_change, given, said, told
from app.commands.object_args import called, split
from app.commands.server_connection import Complaint, Misuse, run

if TYPE_CHECKING:
    from app.client import AsyncFleet
    from app.manifest import Manifest

CREATED = 201
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})
_SECONDS = 30
_MOST_BYTES = 64 * 2**20


def apply(
    filename: options.Files = None,
    recursive: options.Recursive = False,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace", "-n", metavar="NAME", help="Use this namespace for manifests that name none."
        ),
    ] = None,
    cluster: options.Targets = None,
    dry_run: options.DryRun = None,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that others manage.")
    ] = False,
    field_manager: Annotated[
        str | None,
        typer.Option(
            "--field-manager", metavar="NAME", help="Set the name of the field manager; k8s-mcp if left out."
        ),
    ] = None,
    server: options.Server = None,
    token: options.Token = None,
) -> int:
    """Apply manifests to clusters, server-side."""
    import orjson

    objects = [orjson.loads(each.body) for each in read(filename or [], recursive=recursive)]
    how = given(namespace, dry_run)
    if force_conflicts:
        how["force"] = True
    if field_manager:
        how["field_manager"] = field_manager

    async def work(fleet: "AsyncFleet") -> int:
        places = await clusters_to_change(fleet, split(cluster))
        changes = [_in_one(fleet, place, objects, how, dry_run) for place in places]
        return await carry_out(changes, f"applying in {len(places)} clusters")

    return run(server, token, work)


def _in_one(
    fleet: "AsyncFleet", cluster: str, objects: list[Any], how: dict[str, Any], dry_run: str | None
) -> Change:
    async def lines() -> Sequence[Line]:
        (result,) = await fleet.apply(objects, cluster=[cluster], **how)
        return [_line(document, dry_run) for document in result["documents"]]

    return Change(cluster, "apply", lines)


def _line(document: dict[str, Any], dry_run: str | None) -> Line:
    found = document.get("object")
    if found is None:
        what = f"{str(document['kind']).lower()}/{document['name']}"
        return Line(what, error=told(document["error"], document["error"]["detail"]))
    return Line(called(found), said("created" if document["status"] == CREATED else "applied", dry_run))


def read(filenames: Sequence[str], *, recursive: bool) -> "list[Manifest]":
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


def _manifests(name: str, content: bytes) -> "list[Manifest]":
    from app.manifest import read_any
    from app.yaml_reader import Unreadable

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
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            body: bytes = answer.read(_MOST_BYTES + 1)
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise Complaint(f"-f {url}: {getattr(error, 'reason', None) or error}") from None
    if len(body) > _MOST_BYTES:
        raise Complaint(f"-f {url}: more than {_MOST_BYTES // 2**20} MiB")
    return body
