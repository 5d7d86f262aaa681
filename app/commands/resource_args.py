"""What kubectl's argument forms mean: ``pods``, ``pods,svc``, ``pod web-1``, ``deploy/web svc/web``."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.commands.exit_status import Misuse

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
