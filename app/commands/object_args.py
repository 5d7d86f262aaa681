"""The objects that a command names: parse its arguments, find the objects, explain why there are none."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.server_connection import FAILED, PARTIAL, SUCCEEDED, UsageError, name_flags

if TYPE_CHECKING:
    from app.client import AsyncFleet

Object = Mapping[str, Any]
ObjectKey = tuple[str, str, str]


def key_of(obj: Object) -> ObjectKey:
    """Return cluster, namespace and name of an object; objects are printed in this order."""
    metadata = obj["metadata"]
    return obj.get("cluster", ""), metadata.get("namespace", ""), metadata["name"]


def qualified_name(obj: Object) -> str:
    """Return ``pod/web-1`` or ``deployment.apps/web``, as ``kubectl get -o name`` prints them."""
    group = obj.get("apiVersion", "").rpartition("/")[0]
    return f"{obj['kind'].lower()}{'.' + group if group else ''}/{obj['metadata']['name']}"


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?(ms|s|m|h|d))+")
# More digits than the int32 and int64 of Kubernetes' fields need.
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


class ResourceArg(NamedTuple):
    """A resource as the user wrote it (``deploy``), and names of its objects; no names stand for all
    objects."""

    resource: str
    names: tuple[str, ...] = ()


def parse_resource_args(words: Sequence[str]) -> list[ResourceArg]:
    """Parse kubectl's forms: ``pods``, ``pods,svc``, ``pod web-1``, ``deploy/web svc/web``. Raises
    UsageError."""
    if not words:
        raise UsageError("say what: a resource such as pods, or TYPE/NAME such as deploy/web")
    if any("/" in word for word in words):
        return _with_slashes(words)
    names = tuple(dict.fromkeys(words[1:]))
    resources = [word for word in words[0].split(",") if word]
    if not resources or not all(names):
        raise UsageError(f"{' '.join(words)!r} names nothing; accepted is a resource such as pods, and names")
    return [ResourceArg(resource, names) for resource in dict.fromkeys(resources)]


def _with_slashes(words: Sequence[str]) -> list[ResourceArg]:
    names: dict[str, list[str]] = {}
    for word in words:
        resource, slash, name = word.partition("/")
        if not (resource and slash and name) or "/" in name or "," in word:
            raise UsageError(f"{word!r} is not accepted next to TYPE/NAME; accepted is TYPE/NAME throughout")
        its_names = names.setdefault(resource, [])
        if name not in its_names:
            its_names.append(name)
    return [ResourceArg(resource, tuple(its_names)) for resource, its_names in names.items()]


def parse_named_args(words: Sequence[str]) -> list[ResourceArg]:
    """Parse arguments as ``parse_resource_args``, and require a name of each resource. Raises UsageError."""
    args = parse_resource_args(words)
    for arg in args:
        if not arg.names:
            raise UsageError(f"say which of the {arg.resource}: a name, or {arg.resource}/NAME")
    return args


def parse_log_target(word: str) -> ResourceArg:
    """Parse the argument of ``logs``: ``web-1`` names a pod, ``deploy/web`` a workload. Raises UsageError."""
    (only,) = _with_slashes([word]) if "/" in word else [ResourceArg("pods", (word,))]
    return only


def split_commas(values: Sequence[str] | None) -> list[str]:
    """Return the values of an option that may repeat, each of which may hold several between commas."""
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]


def parse_duration(option: str, text: str) -> int:
    """Parse ``90s``, ``5m``, ``1h30m`` or ``2d`` into whole seconds, at least 1. Raises UsageError."""
    if not _DURATION.fullmatch(text):
        raise UsageError(
            f"{option}: {text!r} is not accepted; accepted is a time such as 30s, 5m, 1h30m or 2d"
        )
    return max(1, round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))))


def parse_integer(option: str, text: str, *, least: int = 0) -> int:
    """Parse a whole number of at least ``least``. Raises UsageError, which names the option."""
    if _WHOLE.fullmatch(text) and int(text) >= least:
        return int(text)
    raise UsageError(f"{option}: {text!r} is not accepted; accepted is a whole number from {least} on")


# HTTP's status where there are several objects of a name.
_SEVERAL = 409


class ObjectFilter(NamedTuple):
    """The clusters, namespaces and selectors that limit a search; what is empty limits nothing."""

    clusters: list[str]
    namespaces: list[str]
    labels: str | None = None
    fields: str | None = None

    def query(self, name: str | None = None) -> dict[str, Any]:
        """Return keyword arguments for the client's reads, for all objects or the one called ``name``."""
        conditions = [f"metadata.name={escape_selector_value(name)}"] if name is not None else []
        conditions += [self.fields] if self.fields else []
        given = {
            "cluster": self.clusters,
            "namespace": self.namespaces,
            "label_selector": self.labels,
            "field_selector": ",".join(conditions),
        }
        return {key: value for key, value in given.items() if value}


def escape_selector_value(value: str) -> str:
    """Escape the operators of a field selector, so that ``value`` is compared as it is."""
    return re.sub(r"([\\,=!~<>])", r"\\\1", value)


class SearchResult(NamedTuple):
    """The objects that match one argument, and the state of each cluster that was read."""

    arg: ResourceArg
    objects: list[Object]
    clusters: Sequence[Any]

    @property
    def missing(self) -> list[str]:
        """The names of the argument that no object has."""
        return sorted(set(self.arg.names) - {obj["metadata"]["name"] for obj in self.objects})


async def find_objects(
    fleet: "AsyncFleet", arg: ResourceArg, object_filter: ObjectFilter, **options: Any
) -> SearchResult:
    """List the objects that ``arg`` names; ``options`` go to the client's ``list``. Raises FleetError."""
    lists = await asyncio.gather(
        *(fleet.list(arg.resource, **object_filter.query(name), **options) for name in arg.names or [None])
    )
    return SearchResult(arg, [obj for objects in lists for obj in objects], lists[0].clusters)


async def report_missing(
    fleet: "AsyncFleet", results: Sequence[SearchResult], object_filter: ObjectFilter
) -> int:
    """Print which names and clusters could not be read, and return the exit status."""
    unsynced = {
        cluster["name"]: cluster
        for result in results
        for cluster in result.clusters
        if cluster["state"] != "synced"
    }
    terminal.warn_unsynced([*unsynced.values()])
    missing = [(result.arg, name) for result in results for name in result.missing]
    for arg, name in missing:
        terminal.print_message(await explain_absence(fleet, arg.resource, name, object_filter))
    if missing:
        return FAILED
    if not any(result.objects for result in results):
        terminal.print_message(await explain_empty(fleet, results, object_filter))
    return PARTIAL if unsynced else SUCCEEDED


async def explain_absence(fleet: "AsyncFleet", resource: str, name: str, object_filter: ObjectFilter) -> str:
    """Return, in one line, why no object of this name was found: the server's 404, or the selector."""
    from app.client import FleetError

    clusters, namespaces = object_filter.clusters or None, object_filter.namespaces or None
    try:
        await fleet.get(resource, name, cluster=clusters, namespace=namespaces, fields="metadata.name")
    except FleetError as error:
        if error.status != _SEVERAL:
            return name_flags(error.detail)
    return f"{resource} {name!r} is there, but the selector does not match it"


_STATES = {
    "forbidden": "Forbidden in",
    "unreachable": "Not reachable:",
    "stale": "Not up to date:",
    "syncing": "Not read yet:",
}
_MOST_NAMED = 5


async def explain_empty(
    fleet: "AsyncFleet", results: Sequence[SearchResult], object_filter: ObjectFilter
) -> str:
    """Return kubectl's "No resources found" for lists that are all empty, and the reasons that are known."""
    plural = "s" if len(object_filter.namespaces) > 1 else ""
    where = f" in {', '.join(object_filter.namespaces)} namespace{plural}" if object_filter.namespaces else ""
    sentences = []
    for result in results:
        kind = f"{result.arg.resource}: " if len(results) > 1 else ""
        sentences += [f"{kind}{reason}" for reason in await _reasons(fleet, result, object_filter)]
    sentence = f"No resources found{where}"
    # kubectl ends the line with a period only where it names a namespace.
    return ". ".join([sentence, *sentences]) if sentences else sentence + ("." if where else "")


async def _reasons(fleet: "AsyncFleet", result: SearchResult, object_filter: ObjectFilter) -> list[str]:
    """Return why a list is empty; nothing where the clusters simply have no such objects."""
    reasons = []
    if (object_filter.labels or object_filter.fields) and any(
        cluster["objects"] for cluster in result.clusters
    ):
        reasons.append("Nothing matches the selector")
    for state, words in _STATES.items():
        if names := [cluster["name"] for cluster in result.clusters if cluster["state"] == state]:
            reasons.append(f"{words} {_listed(names)}")
    empty = [
        cluster["name"]
        for cluster in result.clusters
        if cluster["state"] == "synced" and not cluster["objects"]
    ]
    if empty and (lacking := await _lacking(fleet, result.arg.resource, empty)):
        plural = "s" if len(lacking) > 1 else ""
        reasons.append(f"No such resource in cluster{plural} {_listed(lacking)}")
    return reasons


async def _lacking(fleet: "AsyncFleet", word: str, clusters: Sequence[str]) -> list[str]:
    """Return those of the clusters that do not serve the resource that ``word`` names."""
    serving = {
        cluster
        for resource in await fleet.resources()
        if _means(word, resource)
        for cluster in resource["clusters"]
    }
    return [name for name in clusters if name not in serving]


def _means(word: str, resource: Any) -> bool:
    called, _, group = word.lower().partition(".")
    names = (resource["plural"], resource["singular"], resource["kind"], *resource["shortNames"])
    return called in map(str.lower, names) and resource["name"].partition(".")[2].startswith(group)


def _listed(names: Sequence[str]) -> str:
    """Join names for a sentence; of many, only the first few are named."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
