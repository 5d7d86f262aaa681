"""The resources that a cluster serves, from its discovery API.

Asked of the aggregated discovery (two requests; API servers from 1.26 on), and group by
group of those that do not have it. A server that does not know what is accepted answers
in the old shape, so the first two requests are the same for both.

Many parties write what is read here (every aggregated API server and every
CustomResourceDefinition), so it is read entry by entry: null is the same as absent, as in
Go, and an entry that cannot be read is left out and named in ``problems``.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from app.json_access import Object, at, boolean, objects, text, texts
from app.kube.api_errors import ApiError, ConnectionFailed, UnreadableAnswer
from app.kube.client import Connection
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.catalog import EVERY_GROUP, Catalog
from app.kube.discovery.well_known import WELL_KNOWN

ACCEPT = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
ROOTS = ("/api", "/apis")
SECONDS = 8.0
AT_ONCE = 8
FORBIDDEN = 403
_WATCHED = frozenset(("list", "watch"))

_DIGITS = re.compile(r"[0-9]{1,6}")

_anything = msgspec.json.Decoder(dict[str, Any])


class _Findings:
    """The resources and gaps that discovery has come to so far.

    ``resources`` are by name; ``gaps`` say why a group could not be read whole.
    """

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.gaps: dict[str, str] = {}
        self.problems: dict[str, None] = {}

    def add(self, resources: Iterable[Resource]) -> None:
        """Take resources in the order of preference: of each the first version that can be watched counts."""
        for resource in resources:
            if resource.verbs >= _WATCHED:
                self.resources.setdefault(resource.name, resource)

    def skip(self, what: str, why: str, *, group: str | None = None) -> None:
        """Note what is left out, and why; with ``group``, that it may have more resources than are found."""
        problem = f"{what}: {why}"
        self.problems[problem] = None
        if group is not None:
            self.gaps.setdefault(group, problem)


async def discover(connection: Connection, known: Catalog | None = None) -> Catalog:
    """Return what the cluster serves for listing and watching, each in the version that it prefers.

    What is refused or broken hurts nothing else: it is left as it is ``known``, and before
    anything is, as it is in every Kubernetes. Raises ApiError, ConnectionFailed and
    AccessError where nothing at all can be learned, other than by being forbidden.
    """
    findings = _Findings()
    answers = await asyncio.gather(*(_root(connection, path) for path in ROOTS), return_exceptions=True)
    failures: dict[str, ApiError | ConnectionFailed] = {}
    unread: list[tuple[str, str]] = []
    for path, answer in zip(ROOTS, answers, strict=True):
        if isinstance(answer, ApiError | ConnectionFailed):
            failures[path] = answer
            findings.skip(path, str(answer), group="" if path == "/api" else EVERY_GROUP)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            unread += _read_root(path, answer, findings)
    await _read_legacy(connection, unread, findings)
    fatal = [failure for failure in failures.values() if not _is_forbidden(failure)]
    if not findings.resources and fatal:
        raise fatal[0]
    for resource in (known or WELL_KNOWN).resources:
        whole_root = ("/apis" if resource.group else "/api") in failures
        if whole_root or resource.group in findings.gaps:
            findings.resources.setdefault(resource.name, resource)
    return Catalog(findings.resources.values(), tuple(findings.problems), findings.gaps)


async def is_served(connection: Connection, resource: Resource) -> bool:
    """Ask the API server whether it serves the resource in this version at this moment."""
    try:
        listed = await _legacy_version(connection, resource.group, resource.version)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return any(resource.plural == text(entry, "name") for entry in objects(listed, "resources"))


async def server_version(connection: Connection) -> tuple[str, tuple[int, int]]:
    """Return the API server's version, as text and as numbers: ``("v1.37.2", (1, 37))``."""
    version = await _get(connection, "/version")
    number = (_leading_number(text(version, "major")), _leading_number(text(version, "minor")))
    return text(version, "gitVersion"), number


def _read_root(path: str, root: Object, findings: _Findings) -> list[tuple[str, str]]:
    """Take in the answer of /api or /apis; return the groups and versions that are still to be asked for."""
    for member in ("items", "groups", "versions"):
        if not isinstance(at(root, member), list | None):
            findings.skip(path, f"{member} is no list")
    for group in objects(root, "items"):
        name = text(group, "metadata", "name")
        if not name and path == "/apis":
            findings.skip(path, "a group without a name is left out")
            continue
        for version in objects(group, "versions"):
            _read_aggregated(name, version, findings)
    unread = [("", version) for version in texts(root, "versions")]
    for group in objects(root, "groups"):
        name = text(group, "name")
        if name:
            unread += [(name, version) for version in _in_order(group)]
        else:
            findings.skip(path, "a group without a name is left out")
    return unread


def _read_aggregated(group: str, version: Object, findings: _Findings) -> None:
    name = text(version, "version")
    where = f"{group}/{name}".strip("/")
    if not name:
        findings.skip(group, "a version without a name is left out")
        return
    if text(version, "freshness") == "Stale":
        findings.skip(where, "its API server does not answer", group=group)
    resources = []
    for entry in objects(version, "resources"):
        kind = text(entry, "responseKind", "kind")
        resource = _resource(group, name, entry, "resource", kind)
        if resource is not None:
            namespaced = text(entry, "scope") == "Namespaced"
            resources.append(msgspec.structs.replace(resource, namespaced=namespaced))
        elif at(entry, "responseKind") is not None or not text(entry, "resource"):
            findings.skip(
                where, f"a resource without a name or a kind is left out{_named(entry, 'resource')}"
            )
    findings.add(resources)


async def _read_legacy(connection: Connection, unread: list[tuple[str, str]], findings: _Findings) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def read(group: str, version: str) -> Object | ApiError | ConnectionFailed:
        async with places:
            try:
                return await _legacy_version(connection, group, version)
            except (ApiError, ConnectionFailed) as error:
                return error

    answers = await asyncio.gather(*(read(group, version) for group, version in unread))
    for (group, version), answer in zip(unread, answers, strict=True):
        where = f"{group}/{version}".strip("/")
        if isinstance(answer, ApiError | ConnectionFailed):
            findings.skip(where, str(answer), group=group)
            continue
        resources = []
        for entry in objects(answer, "resources"):
            resource = _resource(group, version, entry, "name", text(entry, "kind"))
            if resource is None:
                findings.skip(
                    where, f"a resource without a name or a kind is left out{_named(entry, 'name')}"
                )
            elif "/" not in resource.plural:
                resources.append(msgspec.structs.replace(resource, namespaced=boolean(entry, "namespaced")))
        findings.add(resources)


def _resource(group: str, version: str, entry: Object, name: str, kind: str) -> Resource | None:
    """Return the resource of an entry, as a cluster-scoped one; None where it has no name or no kind."""
    plural = text(entry, name)
    if not plural or not kind:
        return None
    return Resource(
        group=group,
        version=version,
        plural=plural,
        singular=text(entry, "singularResource") or text(entry, "singularName") or kind.lower(),
        kind=kind,
        namespaced=False,
        short_names=tuple(texts(entry, "shortNames")),
        categories=tuple(texts(entry, "categories")),
        verbs=frozenset(texts(entry, "verbs")),
    )


def _named(entry: Object, name: str) -> str:
    return f" ({text(entry, name)})" if text(entry, name) else ""


def _is_forbidden(failure: ApiError | ConnectionFailed) -> bool:
    return isinstance(failure, ApiError) and failure.status == FORBIDDEN


def _in_order(group: Object) -> list[str]:
    versions = [name for version in objects(group, "versions") if (name := text(version, "version"))]
    preferred = text(group, "preferredVersion", "version")
    if preferred in versions:
        versions.remove(preferred)
        versions.insert(0, preferred)
    return versions


async def _legacy_version(connection: Connection, group: str, version: str) -> Object:
    return await _get(connection, f"/apis/{group}/{version}" if group else f"/api/{version}")


async def _root(connection: Connection, path: str) -> Object:
    root = await _get(connection, path, ACCEPT)
    if not text(root, "kind"):
        raise UnreadableAnswer(f"{path} is not answered as a Kubernetes API server does: it has no kind")
    return root


async def _get(connection: Connection, path: str, accept: str = "application/json") -> Mapping[str, Any]:
    body = await connection.get(path, accept=accept, timeout=SECONDS)
    try:
        return _anything.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswer(f"{path} is not answered as a Kubernetes API server does: {error}") from None


def _leading_number(text: str) -> int:
    """Return the number in "20+", as some providers spell their versions; 0 for none."""
    digits = _DIGITS.match(text)
    return int(digits.group()) if digits else 0
