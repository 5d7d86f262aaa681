"""What is said where a list is empty: kubectl's words, and why there is nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.client import AsyncFleet
    from app.commands.object_args import Choice, Found

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
