"""What is said of a cluster's name that no cluster has."""

import difflib
from collections.abc import Iterable

_MOST = 10


def no_cluster(name: str, names: Iterable[str]) -> str:
    """One line: the names that are like it, else those that there are."""
    names = [*names]
    near = difflib.get_close_matches(name, names, n=3)
    if near:
        return f"no cluster {name!r}; did you mean {', '.join(near)}?"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"no cluster {name!r}; there is {', '.join(names[:_MOST]) or 'none at all'}{more}"
