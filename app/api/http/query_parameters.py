"""Query parameters: which there are, and refusing what is not one of them."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from aiohttp import web

from app.api.http.problem import Problem
from app.fleet.selection import names_in

_SHOWN = 80
# Selectors of this length take 50 ms to read, and others wait for that long.
LONGEST_QUERY = 128 * 1024


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of an endpoint. ``repeats`` where it may be given several times."""

    name: str
    description: str
    schema: Mapping[str, Any] = msgspec.field(default_factory=lambda: {"type": "string"})
    repeats: bool = False


CLUSTER = Parameter("cluster", "Names of clusters, separated by commas; all if left out.", repeats=True)


def check(request: web.Request, parameters: Collection[Parameter]) -> None:
    """Refuse what is no parameter here, and what is given twice. Raises Problem."""
    if len(request.rel_url.raw_query_string) > LONGEST_QUERY:
        raise Problem(414, f"the query is too long; accepted are {LONGEST_QUERY} characters")
    known = {parameter.name: parameter for parameter in parameters}
    for name in dict.fromkeys(request.query):
        if name not in known:
            near = difflib.get_close_matches(name.lower(), {key.lower(): key for key in known}, n=2)
            names = [key for key in known if key.lower() in near] or [*known]
            accepted = ", ".join(names) or "none"
            raise Problem(400, f"{_short(name)!r} is no parameter here; accepted is {accepted}")
        values = request.query.getall(name)
        if len(values) > 1 and not known[name].repeats:
            raise Problem(400, f"{name} is given {len(values)} times; accepted is one value")


def wrong(name: str, value: str, accepted: str) -> Problem:
    """Return the problem that a parameter has a value which is not accepted."""
    return Problem(400, f"{name} {_short(value)!r} is not accepted; accepted is {accepted}")


def words(request: web.Request, name: str) -> list[str] | None:
    """The words of a parameter that takes several, by commas or by repetition; None where there are none."""
    return names_in(",".join(request.query.getall(name, []))) or None


def flag(request: web.Request, name: str) -> bool:
    """``?name``, ``?name=1`` and ``?name=true`` are yes. Raises Problem."""
    value = request.query.get(name, "0")
    answers = {"": True, "1": True, "true": True, "0": False, "false": False}
    if value.lower() not in answers:
        raise wrong(name, value, "1 or 0, true or false")
    return answers[value.lower()]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
