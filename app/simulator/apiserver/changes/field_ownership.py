"""Field ownership: managedFields, and the conflicts and removals of server-side apply.

The sets of fields are those of kubernetes-sigs/structured-merge-diff, by leaf: members by name (``f:``),
elements of lists by their merge key (``k:``), finalizers by value (``v:``); other lists are owned as a whole.
"""

import copy
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.changes import patches
from app.simulator.apiserver.registry import Obj

Path = tuple[str, ...]
_Owners = dict[int, set[Path]]

# What the server itself sets.
_NOBODYS = frozenset(
    (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "generateName",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
)


def updated(old: Obj | None, new: Obj, manager: str, sub: str) -> Obj:
    """Return the new object with the manager as the one owner of each field it changed. ``old`` is None for a
    new object."""
    before = _leaves(old) if old is not None else {}
    after = _leaves(new)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    lost = before.keys() - after.keys()
    entries = _entries(old)
    if not changed and not lost:
        return _with_entries(new, entries)
    owned = {number: _paths(entry) - changed - lost for number, entry in enumerate(entries)}
    mine = _find(entries, manager, "Update", sub)
    if mine is None:
        mine = len(entries)
        entries = [*entries, _entry(new, manager, "Update", sub)]
        owned[mine] = set()
    owned[mine] |= changed
    return _with_entries(new, _rewritten(entries, owned, {mine}))


def applied(old: Obj, patch: Obj, manager: str, *, force: bool) -> Obj:
    """Return the object after an apply: fields that this manager applied before and not now are removed.

    Raises ApiFailure where another manager owns a field that would change, unless by ``force``.
    """
    wanted = _leaves(patch)
    entries = _entries(old)
    mine = _find(entries, manager, "Apply", "")
    if mine is None:
        mine = len(entries)
        entries = [*entries, _entry(patch, manager, "Apply", "")]
    owned = {number: _paths(entry) for number, entry in enumerate(entries)}
    now = _leaves(old)
    taken = _taken(wanted, now, {number: paths for number, paths in owned.items() if number != mine})
    if taken and not force:
        raise _conflict(taken, entries)
    for number, path in taken:
        owned[number].discard(path)
    elsewhere = set().union(*(paths for number, paths in owned.items() if number != mine))
    new = copy.deepcopy(patches.applied(old, patch))
    # The longest first: the key of an element goes after its other members, and takes the element along.
    for path in sorted(owned[mine] - wanted.keys() - elsewhere, key=len, reverse=True):
        _remove(new, path)
    before, owned[mine] = owned[mine], set(wanted)
    changed = before != owned[mine] or any(now.get(path) != wanted[path] for path in wanted)
    return _with_entries(new, _rewritten(entries, owned, {mine} if changed else set()))


def _taken(wanted: dict[Path, Any], now: dict[Path, Any], others: _Owners) -> list[tuple[int, Path]]:
    return [
        (number, path)
        for number, paths in others.items()
        for path in sorted(paths & wanted.keys())
        if now.get(path) != wanted[path]
    ]


def _conflict(taken: list[tuple[int, Path]], entries: list[Obj]) -> ApiFailure:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{entries[number]["manager"]}"',
            "field": "".join(_spoken(part) for part in path),
        }
        for number, path in taken
    ]
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    conflicts = ", ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    return ApiFailure("Conflict", f"Apply failed with {count}: {conflicts}", causes=causes)


def _spoken(part: str) -> str:
    kind, _, rest = part.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "v":
        return f"[={rest}]"
    keys: Obj = orjson.loads(rest)
    return "[" + ",".join(f"{key}={orjson.dumps(value).decode()}" for key, value in keys.items()) + "]"


def _entries(obj: Obj | None) -> list[Obj]:
    return list((obj or {}).get("metadata", {}).get("managedFields") or [])


def _find(entries: list[Obj], manager: str, operation: str, sub: str) -> int | None:
    wanted = (manager, operation, sub)
    for number, entry in enumerate(entries):
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")) == wanted:
            return number
    return None


def _entry(obj: Obj, manager: str, operation: str, sub: str) -> Obj:
    entry = {"manager": manager, "operation": operation, "apiVersion": obj["apiVersion"], "time": ""}
    entry["fieldsType"] = "FieldsV1"
    return {**entry, "fieldsV1": {}, **({"subresource": sub} if sub else {})}


def _rewritten(entries: list[Obj], owned: _Owners, touched: set[int]) -> list[Obj]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = []
    for number, entry in enumerate(entries):
        if owned[number]:
            time = now if number in touched else entry["time"]
            kept.append({**entry, "time": time, "fieldsV1": _nested(owned[number])})
    return kept


def _with_entries(obj: Obj, entries: list[Obj]) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if entries:
        metadata["managedFields"] = entries
    return {**obj, "metadata": metadata}


def _paths(entry: Obj) -> set[Path]:
    return set(_unnested(entry.get("fieldsV1") or {}, ()))


def _unnested(fields: Obj, prefix: Path) -> Iterator[Path]:
    inner = [name for name in fields if name != "."]
    if prefix and not inner:
        yield prefix
    for name in inner:
        yield from _unnested(fields[name], (*prefix, name))


def _nested(paths: Iterable[Path]) -> Obj:
    fields: Obj = {}
    for path in sorted(paths):
        inner = fields
        for part in path:
            inner = inner.setdefault(part, {})
    return fields


def _leaves(obj: Obj) -> dict[Path, Any]:
    leaves: dict[Path, Any] = {}
    for name, value in obj.items():
        if name == "metadata":
            for inner, member in value.items():
                if inner not in _NOBODYS:
                    leaves.update(_leaves_of(inner, member, ("f:metadata", f"f:{inner}")))
        elif name not in ("kind", "apiVersion"):
            leaves.update(_leaves_of(name, value, (f"f:{name}",)))
    return leaves


def _leaves_of(name: str, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for inner, each in value.items():
            yield from _leaves_of(inner, each, (*path, f"f:{inner}"))
        return
    if isinstance(value, list) and value:
        if name == "finalizers":
            yield from (((*path, f"v:{orjson.dumps(each).decode()}"), each) for each in value)
            return
        if (key := patches.merge_key(name, value)) is not None:
            for each in value:
                part = f"k:{orjson.dumps({key: each[key]}).decode()}"
                yield from _leaves_of("", each, (*path, part))
            return
    yield path, value


def _remove(obj: Obj, path: Path) -> None:
    """Take the leaf away, and what holds nothing else any more with it."""
    part, rest = path[0], path[1:]
    kind, _, name = part.partition(":")
    if kind != "f" or name not in obj:
        return
    held = obj[name]
    if not rest:
        del obj[name]
        return
    if isinstance(held, list):
        obj[name] = held = list(_kept(held, rest))
    elif isinstance(held, dict):
        _remove(held, rest)
    if not held:
        del obj[name]


def _kept(elements: list[Any], path: Path) -> Iterator[Any]:
    """The elements without what is at the path; an element whose key is taken away goes."""
    kind, _, text = path[0].partition(":")
    wanted = orjson.loads(text)
    for each in elements:
        if kind == "v":
            if each != wanted:
                yield each
        elif not (isinstance(each, dict) and wanted.items() <= each.items()):
            yield each
        elif path[1:] and path[1] != f"f:{next(iter(wanted))}":
            _remove(each, path[1:])
            yield each
