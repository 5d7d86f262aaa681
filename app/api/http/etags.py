"""ETags: what an answer would be made of, hashed, without making it."""

import itertools
import secrets
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import hdrs, web

from app.cache.store import Store
from app.fleet.watch_status import ClusterStatus

# A generation counts within one store of one process; these tell stores and processes apart.
_PROCESS = secrets.token_hex(8)
_numbers = itertools.count()
_incarnations: WeakKeyDictionary[Store, int] = WeakKeyDictionary()


def tag(request: web.Request, form: str, stores: Iterable[Store], statuses: Sequence[ClusterStatus]) -> str:
    """The weak ETag of an answer from these stores.

    Weak, because a cursor moves without anything that is served changing, and because
    the codings of an answer share it.
    """
    query = sorted((name, value) for name, value in request.query.items() if name != "after")
    content = [(_incarnation(store), store.generation) for store in stores]
    parts = (_PROCESS, request.path, query, form, content, statuses)
    return f'W/"{blake2b(msgspec.json.encode(parts), digest_size=12).hexdigest()}"'


def _incarnation(store: Store) -> int:
    number = _incarnations.get(store)
    if number is None:
        number = _incarnations[store] = next(_numbers)
    return number


def is_known(request: web.Request, tag: str) -> bool:
    """Whether If-None-Match names the tag."""
    known = ",".join(request.headers.getall(hdrs.IF_NONE_MATCH, []))
    return any(
        each.strip() in ("*", tag) or f"W/{each.strip()}" == tag for each in known.split(",") if each.strip()
    )
