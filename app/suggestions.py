"""What is said of a name that is not there: the names that are like it."""

import difflib
from collections.abc import Iterable

_MOST = 10
_MOST_NEAR = 3


def near(name: str, names: Iterable[str]) -> list[str]:
    """Three names at most that are like this one: those that begin so, then what is spelled alike."""
    names = list(dict.fromkeys(names))
    longer = sorted(each for each in names if each.lower().startswith(name.lower())) if name else []
    return list(dict.fromkeys([*longer, *difflib.get_close_matches(name, names, n=_MOST_NEAR)]))[:_MOST_NEAR]


def no_cluster(name: str, names: Iterable[str]) -> str:
    """One line: the names that are like it, else those that there are."""
    names = [*names]
    alike = near(name, names)
    if alike:
        return f"no cluster {name!r}; did you mean {', '.join(alike)}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"no cluster {name!r}; there is {', '.join(names[:_MOST]) or 'none at all'}{more}"
