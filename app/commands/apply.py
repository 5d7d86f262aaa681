"""``k8s-mcp apply``: manifests, server-side, in one cluster or in several."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands import options
from app.commands.change_results import Change, Line, carry_out, clusters_to_change, told
from app.commands.object_words import called
from app.commands.resource_args import split
from app.commands.scale import given, said
from app.commands.server_connection import run

if TYPE_CHECKING:
    from app.client import AsyncFleet

CREATED = 201


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

    from app.commands.manifest_files import read

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
