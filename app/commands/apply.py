"""``k8s-mcp apply``: server-side apply of manifests in one or several clusters; and reading what ``-f``
names.

Each file is parsed by itself, with the server's parser: the commands and the server see the same objects,
and an error in one file cannot change what another one says.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options
from app.commands.change_results import (
    ClusterChange,
    Outcome,
    clusters_to_change,
    error_text,
    run_changes,
    with_dry_run,
    write_options,
)
from app.commands.object_args import qualified_name, split_commas
from app.commands.server_connection import CommandError, UsageError, run

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

    objects = [
        orjson.loads(manifest.body) for manifest in read_manifests(filename or [], recursive=recursive)
    ]
    write_args = write_options(namespace, dry_run)
    if force_conflicts:
        write_args["force"] = True
    if field_manager:
        write_args["field_manager"] = field_manager

    async def work(fleet: "AsyncFleet") -> int:
        clusters = await clusters_to_change(fleet, split_commas(cluster))
        changes = [_in_one(fleet, name, objects, write_args, dry_run) for name in clusters]
        return await run_changes(changes, f"applying in {len(clusters)} clusters")

    return run(server, token, work)


def _in_one(
    fleet: "AsyncFleet", cluster: str, objects: list[Any], write_args: dict[str, Any], dry_run: str | None
) -> ClusterChange:
    async def lines() -> Sequence[Outcome]:
        (result,) = await fleet.apply(objects, cluster=[cluster], **write_args)
        return [_line(document, dry_run) for document in result["documents"]]

    return ClusterChange(cluster, "apply", lines)


def _line(document: dict[str, Any], dry_run: str | None) -> Outcome:
    applied = document.get("object")
    if applied is None:
        name = f"{str(document['kind']).lower()}/{document['name']}"
        return Outcome(name, error=error_text(document["error"], document["error"]["detail"]))
    return Outcome(
        qualified_name(applied),
        with_dry_run("created" if document["status"] == CREATED else "applied", dry_run),
    )


def read_manifests(filenames: Sequence[str], *, recursive: bool) -> "list[Manifest]":
    """Return the objects of files, directories, URLs and stdin (``-``), in order. Raises CommandError."""
    if not filenames:
        raise UsageError("say what: -f FILE, a directory, a URL, or - for stdin")
    if filenames.count("-") > 1:
        raise UsageError("-f -: stdin can be read once only")
    manifests = [
        manifest
        for filename in filenames
        for name, content in _contents_of(filename, recursive=recursive)
        for manifest in _manifests(name, content)
    ]
    if not manifests:
        raise CommandError(f"-f {', '.join(filenames)}: there is no object in it")
    return manifests


def _manifests(name: str, content: bytes) -> "list[Manifest]":
    from app.manifest import read_any
    from app.yaml_reader import Unreadable

    try:
        return read_any(content, is_json=False)
    except Unreadable as error:
        raise CommandError(f"-f {name}: cannot be read as YAML or JSON: {error}") from None


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
            raise CommandError(f"-f {filename}: the directory has no .yaml, .yml or .json files")
        for path in files:
            yield str(path), _contents(path)
    else:
        yield filename, _contents(Path(filename))


def _contents(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"-f {path}: {error.strerror or error}") from None


def _fetched(url: str) -> bytes:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
            body: bytes = answer.read(_MOST_BYTES + 1)
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise CommandError(f"-f {url}: {getattr(error, 'reason', None) or error}") from None
    if len(body) > _MOST_BYTES:
        raise CommandError(f"-f {url}: more than {_MOST_BYTES // 2**20} MiB")
    return body
