"""What is said of a name that is not there: the names that are like it."""

import difflib
from collections.abc import Iterable

_MOST = 10


def near(name: str, names: Iterable[str]) -> list[str]:
    """Three names at most that are like this one, the most like it first."""
    return difflib.get_close_matches(name, names, n=3)


def no_cluster(name: str, names: Iterable[str]) -> str:
    """One line: the names that are like it, else those that there are."""
    names = [*names]
    alike = near(name, names)
    if alike:
        return f"no cluster {name!r}; did you mean {', '.join(alike)}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"no cluster {name!r}; there is {', '.join(names[:_MOST]) or 'none at all'}{more}"
