"""What a read asks for, and its answer from any number of stores: filter, sort and page."""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter

import msgspec

from app.cache.objects import CachedObject
from app.cache.path_columns import PathColumn
from app.cache.query import continue_token
from app.cache.query.continue_token import Continuation
from app.cache.query.field_selectors import FieldSelector
from app.cache.query.label_selectors import LabelSelector
from app.cache.query.object_paths import Path
from app.cache.query.order import Key, Order, Row, first
from app.cache.query.path_values import LARGE_BYTES
from app.cache.query.projection import Projection
from app.cache.query.query_errors import SelectorError
from app.cache.store import Store
from app.turns import Pace

Run = tuple[Store, Sequence[CachedObject]]

WORTH_SHARING = 500

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]{1,9}")


class Query(msgspec.Struct, frozen=True, eq=False):
    """A read, parsed. ``namespaces`` of None are all of them, a ``limit`` of None is none.

    ``signature`` is a hash of what decides which objects match: namespaces and selectors.
    ``bound`` also covers the order and the scope, and is what continue tokens are for.
    """

    namespaces: frozenset[str] | None
    labels: LabelSelector | None
    fields: FieldSelector | None
    order: Order
    limit: int | None
    after: Continuation | None
    projection: Projection | None
    signature: bytes
    bound: bytes

    @classmethod
    def parse(
        cls,
        *,
        namespaces: Collection[str] | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        sort: str | None = None,
        limit: str | None = None,
        continue_: str | None = None,
        fields: str | None = None,
        scope: str = "",
    ) -> "Query":
        """Read the parameters of a request; an empty one is one left out.

        ``scope`` is what else a continue token is bound to, such as the resource and the
        clusters asked for. Raises SelectorError.
        """
        names = _checked(namespaces or ())
        labels = LabelSelector.parse(label_selector or "")
        conditions = FieldSelector.parse(field_selector or "")
        order = Order.parse(sort or "")
        signature = _hash(
            sorted(names),
            [[each.key, each.operator, each.values] for each in labels.requirements],
            [[str(each.path), each.operator, each.value] for each in conditions.conditions],
        )
        bound = _hash(signature.hex(), str(order), scope)
        return cls(
            names or None,
            labels if labels.requirements else None,
            conditions if conditions.conditions else None,
            order,
            _limit(limit or ""),
            continue_token.decode(continue_, bound) if continue_ else None,
            Projection.parse(fields) if fields else None,
            signature,
            bound,
        )

    @property
    def cursor(self) -> str | None:
        """The first page's cursor, which every further page carries; None on the first page."""
        return None if self.after is None else self.after.cursor

    def continue_after(self, key: Key, cursor: str) -> str:
        """The token for the page after the row with this key. ``cursor`` is the first page's."""
        return continue_token.encode(Continuation(key, cursor), self.bound)

    def matches(self, found: CachedObject, cluster: str) -> bool:
        """Whether an object of this cluster is among what is asked for, on whichever page."""
        return (
            (self.namespaces is None or found.namespace in self.namespaces)
            and (self.labels is None or self.labels.matches(found.labels.values))
            and (self.fields is None or self.fields.matches(found, cluster))
        )


class Result(msgspec.Struct, frozen=True):
    """``runs`` are the rows in order, as neighbours of the same store.

    ``remaining`` counts the rows after them; where there are any, ``last`` is the key
    of the last row of this page, for ``Query.continue_after``.
    """

    runs: Sequence[Run]
    remaining: int
    last: Key | None


async def run(query: Query, stores: Sequence[Store]) -> Result:
    """Answer a query.

    What it sees is fixed before it suspends for the first time: awaited directly, it
    belongs to the same step of the event loop as what the caller read just before.
    """
    pace = Pace()
    ordered = sorted(stores, key=lambda store: (store.cluster, store.namespace or ""))
    if query.order.keys:
        return await _sorted(query, _snapshot(query, ordered), pace)
    after = None if query.after is None else _RowPlace.of(query.after.key)
    if query.fields is None:
        return _unfiltered(query, ordered, after)
    return await _filtered(query, [_behind(part, after) for part in _snapshot(query, ordered)], pace)


class _RowPlace(msgspec.Struct, frozen=True):
    """Of a row in the default order; it is what every key ends in."""

    cluster: str
    key: str

    @classmethod
    def of(cls, key: Key) -> "_RowPlace":
        return cls(str(key[-2]), str(key[-1]))


def _snapshot(query: Query, stores: Sequence[Store]) -> list[Run]:
    return [(store, store.select(query.labels, query.namespaces)) for store in stores]


def _selected(query: Query, store: Store) -> Sequence[CachedObject]:
    if query.labels is None and query.namespaces is None:
        return store.all()
    return store.select(query.labels, query.namespaces)


def _behind(part: Run, after: _RowPlace | None) -> Run:
    store, objects = part
    if after is None or after.cluster < store.cluster:
        return part
    if after.cluster > store.cluster:
        return store, []
    return store, objects[bisect_right(objects, after.key, key=_key_of) :]


def _key_of(found: CachedObject) -> str:
    return found.key


def _unfiltered(query: Query, stores: Sequence[Store], after: _RowPlace | None) -> Result:
    """A page of the default order from the indexes alone, in one step."""
    page = _Page(query.limit)
    everything = query.labels is None and query.namespaces is None
    for store in stores:
        if after is not None and store.cluster < after.cluster:
            continue
        if everything and page.full and (after is None or store.cluster > after.cluster):
            page.remaining += len(store)
            continue
        page.add(*_behind((store, _selected(query, store)), after))
    return page.result()


async def _filtered(query: Query, parts: list[Run], pace: Pace) -> Result:
    page = _Page(query.limit)
    for store, objects in parts:
        page.add(store, await _matching(query, store, objects, pace))
    return page.result()


async def _sorted(query: Query, parts: list[Run], pace: Pace) -> Result:
    order, after = query.order, query.after.key if query.after is not None else None
    rows: list[Row] = []
    for store, objects in parts:
        cluster, make = store.cluster, order.keyer(store.cluster, _columns(store, objects))
        for found in await _matching(query, store, objects, pace):
            key = await order.key_in_steps(found, cluster, pace) if _is_large(found) else make(found)
            if after is None or key > after:
                rows.append((key, store, found))
            await pace.give()
    page = await first(rows, query.limit, pace)
    runs = [(store, [row[2] for row in group]) for store, group in groupby(page, key=itemgetter(1))]
    remaining = len(rows) - len(page)
    return Result(runs, remaining, page[-1][0] if remaining else None)


async def _matching(
    query: Query, store: Store, objects: Sequence[CachedObject], pace: Pace
) -> Sequence[CachedObject]:
    """Those that have the fields that are asked for."""
    fields, cluster = query.fields, store.cluster
    if fields is None:
        return objects
    matches = fields.matcher(cluster, _columns(store, objects))
    matching: list[CachedObject] = []
    for found in objects:
        if await fields.decide(found, cluster, pace) if _is_large(found) else matches(found):
            matching.append(found)
        await pace.give()
    return matching


def _is_large(found: CachedObject) -> bool:
    return found.size >= LARGE_BYTES


def _columns(store: Store, objects: Sequence[CachedObject]) -> Callable[[Path], PathColumn | None]:
    """The columns of a store, where those of so many objects are worth being shared."""
    return store.column if len(objects) >= WORTH_SHARING else lambda path: None


class _Page:
    """Rows of the default order up to a limit, and the number of the rest."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._count = 0
        self._runs: list[Run] = []
        self.remaining = 0

    @property
    def full(self) -> bool:
        return self._limit is not None and self._count >= self._limit

    def add(self, store: Store, objects: Sequence[CachedObject]) -> None:
        taken = objects if self._limit is None else objects[: self._limit - self._count]
        if taken:
            self._runs.append((store, taken))
        self._count += len(taken)
        self.remaining += len(objects) - len(taken)

    def result(self) -> Result:
        if not self.remaining:
            return Result(self._runs, 0, None)
        store, objects = self._runs[-1]
        return Result(self._runs, self.remaining, (store.cluster, objects[-1].key))


def _checked(namespaces: Collection[str]) -> frozenset[str]:
    names = frozenset(namespaces)
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise SelectorError(
                "namespace",
                ",".join(namespaces),
                f"{name!r} is no name of a namespace",
                "names of at most 63 lower-case letters, digits and '-' between commas",
            )
    return names


def _limit(text: str) -> int | None:
    if text and not _NUMBER.fullmatch(text):
        raise SelectorError(
            "limit", text, "it is no number of objects", "a whole number from 1 on, or 0 for no limit"
        )
    return int(text or "0") or None


def _hash(*parts: object) -> bytes:
    return blake2b(msgspec.json.encode(parts), digest_size=8).digest()
