"""From a request that writes to where it is to happen, and with which options."""

import asyncio
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec
from aiohttp import web

from app.api.door.callers import CALLER
from app.api.http.app_keys import FLEET
from app.api.http.problem import Problem
from app.api.http.query_parameters import flag, words, wrong
from app.api.http.request_body import body_of_request
from app.api.http.request_selection import chosen_clusters, selecting
from app.fleet.cluster import Cluster
from app.kube.discovery.api_resource import Resource
from app.writes.cluster_writes import DRY_RUN
from app.yaml_reader import Unreadable

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

ALL = "*"
FIELD_MANAGER = "k8s-mcp"
FIELD_VALIDATION = ("Ignore", "Warn", "Strict")
JSON = ("application/json",)
YAML = ("application/yaml", "application/x-yaml", "text/yaml")
# So much YAML takes a tenth of a second to read; others are to be answered meanwhile.
WORTH_A_THREAD_BYTES = 64 * 1024
# What cannot be a part of a URL path (k8s.io/apimachinery/pkg/api/validation/path).
_NEVER = (".", "..")
_NOT_IN = "/%"


class Read(Protocol[T_co]):
    """Makes something of a body. Raises Unreadable."""

    def __call__(self, body: bytes, *, is_json: bool) -> T_co: ...


class Targets(msgspec.Struct, frozen=True):
    """``several`` says that a result for each is wanted, even if it is one."""

    clusters: Sequence[Cluster]
    several: bool


def targets(request: web.Request) -> Targets:
    """The clusters that ``cluster=`` names. It may be left out only where there is one. Raises Problem."""
    names = words(request, "cluster")
    if names is None:
        clusters = chosen_clusters(request, None).clusters
        if len(clusters) != 1:
            there = ", ".join(request.app[FLEET].clusters) or "none"
            raise Problem(400, f"cluster= must say where; accepted is * for all, or some of {there}"[:1000])
        return Targets(clusters, several=False)
    if ALL in names:
        if names != [ALL]:
            raise wrong("cluster", ",".join(names), "* alone, or names")
        return Targets(chosen_clusters(request, None).clusters, several=True)
    clusters = chosen_clusters(request, names).clusters
    return Targets(clusters, several=len(clusters) > 1)


def namespace_of(request: web.Request, resource: Resource, in_body: str = "") -> str:
    """The one namespace that is meant, "" for what is in none. Raises Problem."""
    namespace = named_namespace(request) or in_body
    if not resource.namespaced:
        return ""
    if not namespace:
        raise Problem(400, f"{resource.name} are in namespaces; namespace= must say in which")
    permit_namespace(request, namespace)
    return namespace


def named_namespace(request: web.Request) -> str:
    """What ``namespace=`` says, "" for nothing. Raises Problem."""
    names = words(request, "namespace") or [""]
    if len(names) > 1:
        raise wrong("namespace", ",".join(names), "one namespace")
    return checked("namespace", names[0]) if names[0] else ""


def permit_namespace(request: web.Request, namespace: str) -> None:
    """Raises Problem where the caller may not use it."""
    checked("namespace", namespace)
    with selecting():
        request[CALLER].scope.permitted_namespaces([namespace])


def name_of(request: web.Request) -> str:
    """The name in the path. Raises Problem."""
    return checked("name", request.match_info["name"])


def checked(what: str, text: str) -> str:
    """A name that can stand in a path; what else it must be, the cluster will say. Raises Problem."""
    if text in _NEVER or any(each in text for each in _NOT_IN) or not text.isprintable():
        raise wrong(what, text, "a name of Kubernetes, which is not . or .. and holds no / or %")
    return text


def options(request: web.Request, *, managed: bool = True) -> dict[str, str]:
    """The parameters that go through; ``managed`` adds who manages the fields. Raises Problem."""
    found = {}
    dry_run = request.query.get("dryRun")
    if dry_run is not None:
        if dry_run != DRY_RUN:
            raise wrong("dryRun", dry_run, DRY_RUN)
        found["dryRun"] = dry_run
    if managed:
        found["fieldManager"] = request.query.get("fieldManager") or FIELD_MANAGER
    validation = request.query.get("fieldValidation")
    if validation is not None:
        if validation not in FIELD_VALIDATION:
            raise wrong("fieldValidation", validation, ", ".join(FIELD_VALIDATION))
        found["fieldValidation"] = validation
    if "force" in request.query:
        found["force"] = str(flag(request, "force")).lower()
    return found


async def body_of(request: web.Request, read: Read[T]) -> T:
    """What a body of JSON or YAML is read as. Raises Problem."""
    media = request.content_type
    if media not in (*JSON, *YAML):
        raise media_refused(media, *JSON, *YAML)
    return await understood(read, await body_of_request(request), is_json=media in JSON)


async def understood(read: Read[T], body: bytes, *, is_json: bool) -> T:
    """What a body is read as. Raises Problem."""
    try:
        if len(body) < WORTH_A_THREAD_BYTES:
            return read(body, is_json=is_json)
        return await asyncio.to_thread(read, body, is_json=is_json)
    except Unreadable as error:
        raise Problem(400, f"the body cannot be read: {error}") from None


def media_refused(media: str, *accepted: str) -> Problem:
    """Return the problem that a body has a media type which is not accepted."""
    return Problem(415, f"Content-Type {media[:80]!r} is not accepted; accepted is {', '.join(accepted)}")
