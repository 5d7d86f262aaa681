"""What a cluster serves.

Asked of the aggregated discovery (two requests; API servers from 1.26 on), and group by
group of those that do not have it. A server that does not know what is accepted answers
in the old shape, so the first two requests are the same for both.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from app.kube.catalog import Catalog
from app.kube.connection import Connection
from app.kube.errors import ApiError, ConnectionFailed
from app.kube.resources import Resource
from app.kube.well_known import WELL_KNOWN

__all__ = ["WELL_KNOWN", "Catalog", "crd_resource", "discover", "is_served", "server_version"]

ACCEPT = ",".join(
    (
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    )
)
SECONDS = 8.0
AT_ONCE = 8
_WATCHED = frozenset(("list", "watch"))
_CRD_VERBS = frozenset(("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))

_KUBE_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_DIGITS = re.compile(r"[0-9]{1,6}")

T = TypeVar("T")


class _Kind(msgspec.Struct):
    kind: str = ""


class _Name(msgspec.Struct):
    name: str = ""


class _AggregatedResource(msgspec.Struct):
    resource: str
    scope: str = "Cluster"
    singularResource: str = ""
    responseKind: _Kind | None = None
    shortNames: list[str] = []
    categories: list[str] = []
    verbs: list[str] = []


class _AggregatedVersion(msgspec.Struct):
    version: str
    resources: list[_AggregatedResource] = []
    freshness: str = "Current"


class _AggregatedGroup(msgspec.Struct):
    metadata: _Name
    versions: list[_AggregatedVersion] = []


class _GroupVersion(msgspec.Struct):
    version: str


class _Group(msgspec.Struct):
    name: str
    versions: list[_GroupVersion] = []
    preferredVersion: _GroupVersion | None = None


class _Root(msgspec.Struct):
    """The answer of /api or /apis in any shape: ``items`` where it is aggregated."""

    kind: str
    items: list[_AggregatedGroup] = []
    groups: list[_Group] = []
    versions: list[str] = []


class _LegacyResource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = False
    singularName: str = ""
    shortNames: list[str] = []
    categories: list[str] = []
    verbs: list[str] = []


class _LegacyList(msgspec.Struct):
    resources: list[_LegacyResource] | None = None


class _Condition(msgspec.Struct):
    type: str
    status: str


class _CrdNames(msgspec.Struct):
    plural: str = ""
    singular: str = ""
    kind: str = ""
    shortNames: list[str] = []
    categories: list[str] = []


class _CrdVersion(msgspec.Struct):
    name: str
    served: bool


class _CrdSpec(msgspec.Struct):
    group: str
    scope: str
    names: _CrdNames
    versions: list[_CrdVersion]


class _CrdStatus(msgspec.Struct):
    conditions: list[_Condition] | None = None
    acceptedNames: _CrdNames | None = None


class _Crd(msgspec.Struct):
    spec: _CrdSpec
    status: _CrdStatus = msgspec.field(default_factory=_CrdStatus)


class _Version(msgspec.Struct):
    major: str
    minor: str
    gitVersion: str


async def discover(connection: Connection, known: Catalog | None = None) -> Catalog:
    """What the cluster serves for listing and watching, in the version that it prefers.

    A group whose own server does not answer hurts nothing else, and is left as it is
    ``known``. Raises ApiError, ConnectionFailed and AccessError where the cluster does
    not answer.
    """
    core, others = await asyncio.gather(_root(connection, "/api"), _root(connection, "/apis"))
    found: dict[str, Resource] = {}
    missing: set[str] = set()
    unread: list[tuple[str, str]] = []
    for root in (core, others):
        for group in root.items:
            for version in group.versions:
                _add(found, _aggregated(group.metadata.name, version))
                if version.freshness == "Stale":
                    missing.add(group.metadata.name)
        unread += [("", version) for version in root.versions]
        unread += [(group.name, version) for group in root.groups for version in _in_order(group)]
    for (name, _), resources in zip(unread, await _legacy(connection, unread), strict=True):
        if resources is None:
            missing.add(name)
        else:
            _add(found, resources)
    for resource in known.resources if known is not None else ():
        if resource.group in missing:
            found.setdefault(resource.name, resource)
    return Catalog(found.values())


async def is_served(connection: Connection, resource: Resource) -> bool:
    """Whether the API server knows the resource in this version at this moment."""
    try:
        found = await _legacy_version(connection, resource.group, resource.version)
    except ApiError as error:
        if error.status != 404:
            raise
        return False
    return any(resource.plural == other.plural for other in found)


async def server_version(connection: Connection) -> tuple[str, tuple[int, int]]:
    """The API server's version, as text and as numbers: ``("v1.37.2", (1, 37))``."""
    found = await _get(connection, "/version", msgspec.json.Decoder(_Version).decode)
    return found.gitVersion, (_leading_number(found.major), _leading_number(found.minor))


def crd_resource(crd_json: bytes) -> Resource | None:
    """The resource that a CustomResourceDefinition defines; None while it is not served.

    Raises msgspec.DecodeError for what is no CustomResourceDefinition.
    """
    crd = msgspec.json.decode(crd_json, type=_Crd)
    conditions = {condition.type: condition.status for condition in crd.status.conditions or ()}
    served = [version.name for version in crd.spec.versions if version.served]
    names = crd.status.acceptedNames
    if conditions.get("Established") != "True" or not served or names is None or not names.plural:
        return None
    return Resource(
        group=crd.spec.group,
        version=max(sorted(served), key=_priority),
        plural=names.plural,
        singular=names.singular or names.kind.lower(),
        kind=names.kind,
        namespaced=crd.spec.scope == "Namespaced",
        short_names=tuple(names.shortNames),
        categories=tuple(names.categories),
        verbs=_CRD_VERBS,
    )


def _priority(version: str) -> tuple[int, int, int]:
    """Orders versions as the API server prefers them: v10, v2, v1, v2beta1, v1alpha3, others.

    k8s.io/apimachinery/pkg/version.CompareKubeAwareVersionStrings, where the others are
    in the order of the alphabet.
    """
    found = _KUBE_VERSION.fullmatch(version)
    if found is None:
        return (0, 0, 0)
    major, stage, minor = found.groups()
    return ({"alpha": 1, "beta": 2, None: 3}[stage], int(major), int(minor or 0))


def _add(found: dict[str, Resource], resources: Iterable[Resource]) -> None:
    """Versions come in the order of preference: the first that can be watched is the one."""
    for resource in resources:
        if resource.verbs >= _WATCHED:
            found.setdefault(resource.name, resource)


def _aggregated(group: str, version: _AggregatedVersion) -> list[Resource]:
    return [
        Resource(
            group=group,
            version=version.version,
            plural=found.resource,
            singular=found.singularResource or found.responseKind.kind.lower(),
            kind=found.responseKind.kind,
            namespaced=found.scope == "Namespaced",
            short_names=tuple(found.shortNames),
            categories=tuple(found.categories),
            verbs=frozenset(found.verbs),
        )
        for found in version.resources
        if found.responseKind is not None and found.responseKind.kind
    ]


def _in_order(group: _Group) -> list[str]:
    versions = [version.version for version in group.versions]
    preferred = group.preferredVersion
    if preferred is not None and preferred.version in versions:
        versions.remove(preferred.version)
        versions.insert(0, preferred.version)
    return versions


async def _legacy(connection: Connection, wanted: list[tuple[str, str]]) -> list[list[Resource] | None]:
    """The resources of each group and version; None where it cannot be told."""
    places = asyncio.Semaphore(AT_ONCE)

    async def read(group: str, version: str) -> list[Resource] | None:
        async with places:
            try:
                return await _legacy_version(connection, group, version)
            except (ApiError, ConnectionFailed):
                if not group:
                    raise
                return None

    return await asyncio.gather(*(read(group, version) for group, version in wanted))


async def _legacy_version(connection: Connection, group: str, version: str) -> list[Resource]:
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    listed = await _get(connection, path, msgspec.json.Decoder(_LegacyList).decode)
    return [
        Resource(
            group=group,
            version=version,
            plural=found.name,
            singular=found.singularName or found.kind.lower(),
            kind=found.kind,
            namespaced=found.namespaced,
            short_names=tuple(found.shortNames),
            categories=tuple(found.categories),
            verbs=frozenset(found.verbs),
        )
        for found in listed.resources or ()
        if "/" not in found.name
    ]


async def _root(connection: Connection, path: str) -> _Root:
    return await _get(connection, path, msgspec.json.Decoder(_Root).decode, ACCEPT)


async def _get(
    connection: Connection, path: str, decode: Callable[[bytes], T], accept: str = "application/json"
) -> T:
    body = await connection.get(path, accept=accept, timeout=SECONDS)
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConnectionFailed(f"{path} is not answered as a Kubernetes API server does: {error}") from None


def _leading_number(text: str) -> int:
    """The number in "20+", as some providers spell their versions; 0 for none."""
    digits = _DIGITS.match(text)
    return int(digits.group()) if digits else 0
