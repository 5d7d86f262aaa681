"""Suggestions for a name that does not exist: the names that are like it."""

import difflib
from collections.abc import Iterable

_MOST = 10
_MOST_NEAR = 3


def near(name: str, names: Iterable[str]) -> list[str]:
    """Return at most three names that are like this one: those that begin with it, then similar spellings."""
    names = list(dict.fromkeys(names))
    longer = sorted(longer for longer in names if longer.lower().startswith(name.lower())) if name else []
    return list(dict.fromkeys([*longer, *difflib.get_close_matches(name, names, n=_MOST_NEAR)]))[:_MOST_NEAR]


def no_cluster(name: str, names: Iterable[str]) -> str:
    """Return one line for an unknown cluster: the names that are like it, else the first that exist."""
    names = [*names]
    alike = near(name, names)
    if alike:
        return f"no cluster {name!r}; did you mean {', '.join(alike)}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"no cluster {name!r}; there is {', '.join(names[:_MOST]) or 'none at all'}{more}"
