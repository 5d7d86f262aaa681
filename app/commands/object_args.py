"""The objects that a command is about: what its arguments name, finding them, and why there are none."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from app.commands import terminal
from app.commands.server_connection import FAILED, PARTIAL, WELL, Misuse, in_words

if TYPE_CHECKING:
    from app.client import AsyncFleet

Object = Mapping[str, Any]
Place = tuple[str, str, str]


def place(found: Object) -> Place:
    """Cluster, namespace and name, in which order objects are shown."""
    metadata = found["metadata"]
    return found.get("cluster", ""), metadata.get("namespace", ""), metadata["name"]


def called(found: Object) -> str:
    """``pod/web-1`` or ``deployment.apps/web``, as kubectl prints names."""
    group = found.get("apiVersion", "").rpartition("/")[0]
    return f"{found['kind'].lower()}{'.' + group if group else ''}/{found['metadata']['name']}"


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?(ms|s|m|h|d))+")
# What an int32 of Kubernetes holds is shorter.
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")


class Asked(NamedTuple):
    """A resource as the user calls it, and the names that are meant; all of them where there are none."""

    resource: str
    names: tuple[str, ...] = ()


def asked(words: Sequence[str]) -> list[Asked]:
    """The resources that arguments name, in their order. Raises Misuse."""
    if not words:
        raise Misuse("say what: a resource such as pods, or TYPE/NAME such as deploy/web")
    if any("/" in word for word in words):
        return _with_slashes(words)
    names = tuple(dict.fromkeys(words[1:]))
    resources = [word for word in words[0].split(",") if word]
    if not resources or not all(names):
        raise Misuse(f"{' '.join(words)!r} names nothing; accepted is a resource such as pods, and names")
    return [Asked(resource, names) for resource in dict.fromkeys(resources)]


def _with_slashes(words: Sequence[str]) -> list[Asked]:
    names: dict[str, list[str]] = {}
    for word in words:
        resource, slash, name = word.partition("/")
        if not (resource and slash and name) or "/" in name or "," in word:
            raise Misuse(f"{word!r} is not accepted next to TYPE/NAME; accepted is TYPE/NAME throughout")
        known = names.setdefault(resource, [])
        if name not in known:
            known.append(name)
    return [Asked(resource, tuple(found)) for resource, found in names.items()]


def named(words: Sequence[str]) -> list[Asked]:
    """The same, where each needs names. Raises Misuse."""
    found = asked(words)
    for each in found:
        if not each.names:
            raise Misuse(f"say which of the {each.resource}: a name, or {each.resource}/NAME")
    return found


def pod_or_workload(word: str) -> Asked:
    """``web-1`` is a pod, ``deploy/web`` what it says. Raises Misuse."""
    (only,) = _with_slashes([word]) if "/" in word else [Asked("pods", (word,))]
    return only


def split(values: Sequence[str] | None) -> list[str]:
    """The words of an option that may repeat and takes several between commas."""
    return [word.strip() for value in values or () for word in value.split(",") if word.strip()]


def seconds(option: str, text: str) -> int:
    """Whole seconds, 1 at least, of ``90s``, ``5m``, ``1h30m``, ``2d``. Raises Misuse."""
    if not _DURATION.fullmatch(text):
        raise Misuse(f"{option}: {text!r} is not accepted; accepted is a time such as 30s, 5m, 1h30m or 2d")
    return max(1, round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))))


def whole(option: str, text: str, *, least: int = 0) -> int:
    """A whole number. Raises Misuse."""
    if _WHOLE.fullmatch(text) and int(text) >= least:
        return int(text)
    raise Misuse(f"{option}: {text!r} is not accepted; accepted is a whole number from {least} on")


# HTTP's status where there are several objects of a name.
_SEVERAL = 409


class Choice(NamedTuple):
    """Where objects are looked for, and which of them are meant; everything where there is nothing."""

    clusters: list[str]
    namespaces: list[str]
    labels: str | None = None
    fields: str | None = None

    def query(self, name: str | None = None) -> dict[str, Any]:
        """The arguments of the client's reads; ``name`` is that of an object."""
        conditions = [f"metadata.name={literal(name)}"] if name is not None else []
        conditions += [self.fields] if self.fields else []
        given = {
            "cluster": self.clusters,
            "namespace": self.namespaces,
            "label_selector": self.labels,
            "field_selector": ",".join(conditions),
        }
        return {key: value for key, value in given.items() if value}


def literal(value: str) -> str:
    """A value as it is, in a field selector."""
    return re.sub(r"([\\,=!~<>])", r"\\\1", value)


class Found(NamedTuple):
    """What was found of what was asked for, name by name, and how the clusters are that were asked."""

    asked: Asked
    objects: list[Object]
    clusters: Sequence[Any]

    @property
    def missing(self) -> list[str]:
        return sorted(set(self.asked.names) - {each["metadata"]["name"] for each in self.objects})


async def find(fleet: "AsyncFleet", asked: Asked, choice: Choice, **more: Any) -> Found:
    """The objects that are meant, in all clusters that may have them."""
    lists = await asyncio.gather(
        *(fleet.list(asked.resource, **choice.query(name), **more) for name in asked.names or [None])
    )
    return Found(asked, [each for some in lists for each in some], lists[0].clusters)


async def conclude(fleet: "AsyncFleet", found: Sequence[Found], choice: Choice) -> int:
    """Tell what is missing of what was chosen, or cannot be known; the exit status."""
    behind = {each["name"]: each for some in found for each in some.clusters if each["state"] != "synced"}
    terminal.warn([*behind.values()])
    missing = [(some.asked, name) for some in found for name in some.missing]
    for asked, name in missing:
        terminal.tell(await absent(fleet, asked.resource, name, choice))
    if missing:
        return FAILED
    if not any(some.objects for some in found):
        terminal.tell(await nothing_found(fleet, found, choice))
    return PARTIAL if behind else WELL


async def absent(fleet: "AsyncFleet", resource: str, name: str, choice: Choice) -> str:
    """Why no object of this name was found, in one line: the server knows what there is in its place."""
    from app.client import FleetError

    clusters, namespaces = choice.clusters or None, choice.namespaces or None
    try:
        await fleet.get(resource, name, cluster=clusters, namespace=namespaces, fields="metadata.name")
    except FleetError as error:
        if error.status != _SEVERAL:
            return in_words(error.detail)
    return f"{resource} {name!r} is there, but the selector does not match it"


_STATES = {
    "forbidden": "Forbidden in",
    "unreachable": "Not reachable:",
    "stale": "Not up to date:",
    "syncing": "Not read yet:",
}
_MOST_NAMED = 5


async def nothing_found(fleet: "AsyncFleet", found: Sequence["Found"], choice: "Choice") -> str:
    """One line about lists that are all empty."""
    several = "s" if len(choice.namespaces) > 1 else ""
    where = f" in {', '.join(choice.namespaces)} namespace{several}" if choice.namespaces else ""
    sentences = []
    for some in found:
        kind = f"{some.asked.resource}: " if len(found) > 1 else ""
        sentences += [f"{kind}{reason}" for reason in await _reasons(fleet, some, choice)]
    said = f"No resources found{where}"
    # kubectl ends the line with a period only where it names a namespace.
    return ". ".join([said, *sentences]) if sentences else said + ("." if where else "")


async def _reasons(fleet: "AsyncFleet", found: "Found", choice: "Choice") -> list[str]:
    """Why one list is empty; none where nothing more is known than that it is."""
    reasons = []
    if (choice.labels or choice.fields) and any(each["objects"] for each in found.clusters):
        reasons.append("Nothing matches the selector")
    for state, words in _STATES.items():
        if names := [each["name"] for each in found.clusters if each["state"] == state]:
            reasons.append(f"{words} {_listed(names)}")
    empty = [each["name"] for each in found.clusters if each["state"] == "synced" and not each["objects"]]
    if empty and (lacking := await _lacking(fleet, found.asked.resource, empty)):
        several = "s" if len(lacking) > 1 else ""
        reasons.append(f"No such resource in cluster{several} {_listed(lacking)}")
    return reasons


async def _lacking(fleet: "AsyncFleet", word: str, clusters: Sequence[str]) -> list[str]:
    """Which of these clusters do not serve what a word for a resource means."""
    serving = {
        cluster for each in await fleet.resources() if _means(word, each) for cluster in each["clusters"]
    }
    return [name for name in clusters if name not in serving]


def _means(word: str, resource: Any) -> bool:
    called, _, group = word.lower().partition(".")
    names = (resource["plural"], resource["singular"], resource["kind"], *resource["shortNames"])
    return called in map(str.lower, names) and resource["name"].partition(".")[2].startswith(group)


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence, the first few of many."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
