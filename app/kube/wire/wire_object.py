"""What API servers send, decoded only as far as it is needed.

An object is taken as bytes: one decode reads its identity and labels and checks the
JSON of the rest by skipping it, and managedFields are cut out where they stand. Only
what is spelled in an unusual way is taken apart and put together again, which is as
exact and several times slower. An object that cannot be read at all is left out, and said.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache
from typing import ParamSpec, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.kube.answer_limits import version_number
from app.kube.discovery.api_resource import Resource
from app.kube.wire.json_outline import is_bracketed
from app.kube.wire.line_splitter import LineSplitter, WireError
from app.kube.wire.list_slices import SLICE_BYTES, items_of
from app.kube.wire.secret_redaction import Members, redacted
from app.kube.wire.unreadable import Unreadable, unreadable

__all__ = [
    "Event",
    "LineSplitter",
    "Page",
    "Shape",
    "Status",
    "WireError",
    "WireObject",
    "decode_answer",
    "decode_event",
    "decode_page",
    "page_steps",
]

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_FRAMES = {b'{"type":"%s","object":' % kind.encode(): kind for kind in ("ADDED", "MODIFIED", "DELETED")}
_FRAME_AT_MOST = max(map(len, _FRAMES))
_METADATA = b'"metadata":'
_MANAGED_FIELDS = b'"managedFields":'


class WireObject(msgspec.Struct, frozen=True, gc=False):
    """One object as it came.

    ``labels`` is the JSON of metadata.labels, b"" for none. ``tail`` is the object's
    JSON without its opening brace; it begins with ``"kind":…,"apiVersion":…`` and has
    no managedFields unless they are kept; what was cut out is ``managed``, b"" for nothing.
    ``own_cluster`` says that it has a member ``cluster``. All are copies: nothing larger stays alive.
    """

    namespace: str
    name: str
    uid: str
    version: int
    labels: bytes
    tail: bytes
    managed: bytes = b""
    own_cluster: bool = False


class Shape(msgspec.Struct, frozen=True):
    """How bodies are cut. ``redact`` treats them as Secrets."""

    keep_managed_fields: bool = False
    redact: bool = False


class Status(msgspec.Struct, frozen=True):
    """The failure that an ERROR event carries; ``retry_after`` in seconds."""

    code: int
    reason: str
    message: str
    causes: tuple[str, ...]
    retry_after: float | None


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event of a watch.

    ADDED, MODIFIED and DELETED have an ``object``, or one that is ``unreadable``; BOOKMARK has
    a ``version`` and whether it ends the initial events, ERROR an ``error``.
    """

    type: str
    object: WireObject | None = None
    unreadable: Unreadable | None = None
    version: int = 0
    initial_events_end: bool = False
    error: Status | None = None


class Page:
    """One answer to a list. Its objects are decoded as they are taken; those of them that cannot be are
    ``unreadable``.
    """

    def __init__(
        self, version: int, continue_: str, items: Sequence[Raw], resource: Resource, shape: Shape
    ) -> None:
        self.version = version
        self.continue_ = continue_
        self.unreadable: list[Unreadable] = []
        self._items = items
        self._resource = resource
        self._shape = shape

    def __len__(self) -> int:
        return len(self._items)

    @property
    def objects(self) -> list[WireObject]:
        """All that can be read."""
        return [found for part in self.parts(len(self) or 1) for found in part]

    @property
    def bytes(self) -> int:
        """How long its objects are as JSON."""
        return sum(len(memoryview(item)) for item in self._items)

    def parts(self, size: int) -> Iterator[list[WireObject]]:
        """The objects, ``size`` at a time, or fewer where some are large, or unreadable."""
        start = 0
        while start < len(self._items):
            end, long = start, 0
            while end < len(self._items) and end - start < size and long < SLICE_BYTES:
                long += len(memoryview(self._items[end]))
                end += 1
            yield self._decode(self._items[start:end])
            start = end

    def _decode(self, items: Sequence[Raw]) -> list[WireObject]:
        kind, api_version = self._resource.kind, self._resource.api_version
        try:
            return [_object(bytes(item), self._shape, kind, api_version) for item in items]
        except _FAILURES:
            found = [_object_or_not(bytes(item), self._shape, kind, api_version) for item in items]
        self.unreadable += [each for each in found if isinstance(each, Unreadable)]
        return [each for each in found if isinstance(each, WireObject)]


def decode_event(line: bytes, shape: Shape) -> Event:
    """One line of a watch. Raises WireError for what is no event."""
    return _readable(_event, line, shape)


def decode_page(body: bytes, resource: Resource, shape: Shape) -> Page:
    """The answer to a list of this resource. Raises WireError."""
    steps = page_steps(body, resource, shape)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            page: Page = end.value
            return page


def page_steps(body: bytes, resource: Resource, shape: Shape) -> Generator[None, None, Page]:
    """The same in steps that are short, however long the answer is."""
    try:
        metadata, items = yield from items_of(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _illegible(error) from None
    if metadata is None:
        raise WireError("a list without metadata")
    if items is None:
        raise WireError("a list without items")
    return Page(_version(metadata.resourceVersion), metadata.continue_, items, resource, shape)


def decode_answer(body: bytes, shape: Shape) -> bytes:
    """What a write was answered with, cut in the same way; its JSON without the opening brace, and
    without a member ``cluster`` of its own.

    A dry run brings an object without a version, a deletion perhaps a Status. Raises WireError.
    """
    return _readable(_answer, body, shape)


class _Metadata(msgspec.Struct, gc=False):
    name: str
    resourceVersion: str
    namespace: str = ""
    uid: str = ""
    labels: Raw = Raw(b"")
    managedFields: Raw = Raw(b"")


class _Object(msgspec.Struct, gc=False):
    metadata: _Metadata
    kind: str | UnsetType = UNSET
    apiVersion: str | UnsetType = UNSET
    cluster: Raw | UnsetType = UNSET


class _Event(msgspec.Struct, gc=False):
    type: str
    object: Raw


class _Anything(msgspec.Struct, gc=False):
    """Checks JSON and keeps nothing of it."""


class _BookmarkMetadata(msgspec.Struct):
    resourceVersion: str
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMetadata


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None
    retryAfterSeconds: float | None = None


class _Status(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _Details | None = None


_event_decoder = msgspec.json.Decoder(_Event)
_object_decoder = msgspec.json.Decoder(_Object)
_anything_decoder = msgspec.json.Decoder(_Anything)
_bookmark_decoder = msgspec.json.Decoder(_Bookmark)
_status_decoder = msgspec.json.Decoder(_Status)
_labels_decoder = msgspec.json.Decoder(dict[str, str] | None)
_members_decoder = msgspec.json.Decoder(Members)

_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, WireError)

P = ParamSpec("P")
T = TypeVar("T")


def _readable(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return read(*args, **kwargs)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _illegible(error) from None


def _illegible(error: Exception) -> WireError:
    return WireError(f"unreadable answer: {_reason(error)}")


def _reason(error: Exception) -> str:
    """One line for humans, which quotes nothing of what was sent."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    return type(error).__name__ if isinstance(error, UnicodeDecodeError) else str(error)


def _event(line: bytes, shape: Shape) -> Event:
    start = line.find(b'"object":', 0, _FRAME_AT_MOST) + 9
    kind = _FRAMES.get(line[:start])
    if kind is not None and line.endswith(b"}"):
        return _change(kind, line[start:-1], shape)
    event = _event_decoder.decode(line)
    if event.type in ("ADDED", "MODIFIED", "DELETED"):
        return _change(event.type, bytes(event.object), shape)
    if event.type == "BOOKMARK":
        metadata = _bookmark_decoder.decode(event.object).metadata
        end = (metadata.annotations or {}).get(_INITIAL_EVENTS_END) == "true"
        return Event("BOOKMARK", version=_version(metadata.resourceVersion), initial_events_end=end)
    if event.type == "ERROR":
        return Event("ERROR", error=_status(event.object))
    raise WireError(f"an event of type {event.type[:40]!r}")


def _change(kind: str, body: bytes, shape: Shape) -> Event:
    try:
        return Event(kind, _object(body, shape))
    except _FAILURES as error:
        if not body.startswith(b"{") or (type(error) is msgspec.DecodeError and not is_bracketed(body)):
            raise
        return Event(kind, unreadable=unreadable(body, _reason(error)))


def _object_or_not(
    body: bytes, shape: Shape, kind: str = "", api_version: str = ""
) -> WireObject | Unreadable:
    try:
        return _object(body, shape, kind, api_version)
    except _FAILURES as error:
        return unreadable(body, _reason(error))


def _answer(body: bytes, shape: Shape) -> bytes:
    members = _members_decoder.decode(redacted(body) if shape.redact else body)
    if not members:
        raise WireError("an object without members")
    if not shape.keep_managed_fields and "metadata" in members:
        metadata = _members_decoder.decode(members["metadata"])
        if metadata.pop("managedFields", None) is not None:
            members["metadata"] = Raw(msgspec.json.encode(metadata))
    members.pop("cluster", None)
    return msgspec.json.encode(members)[1:]


def _status(body: Raw) -> Status:
    status = _status_decoder.decode(body)
    details = status.details or _Details()
    return Status(
        status.code,
        status.reason,
        status.message,
        tuple(cause.reason for cause in details.causes or ()),
        details.retryAfterSeconds,
    )


def _object(body: bytes, shape: Shape, kind: str = "", api_version: str = "") -> WireObject:
    """Items of lists lack kind and apiVersion, which are given then."""
    if not body.isascii():
        body.decode()  # msgspec takes what it skips for UTF-8 unseen
    if b"\n" in body or b"\r" in body:
        body = msgspec.json.format(body, indent=-1)
    if shape.redact:
        body = redacted(body)
    found = _object_decoder.decode(body)
    metadata = found.metadata
    if not metadata.name or "\0" in metadata.name or "\0" in metadata.namespace:
        raise WireError("an object without a name that it can be known by")
    labels = bytes(metadata.labels)
    _check_labels(labels)
    tail = _tail(body, found, shape, kind, api_version)
    return WireObject(
        metadata.namespace,
        metadata.name,
        metadata.uid,
        _version(metadata.resourceVersion),
        b"" if labels in (b"null", b"{}") else labels,
        tail,
        b"" if shape.keep_managed_fields else bytes(metadata.managedFields),
        found.cluster is not UNSET,
    )


@lru_cache(maxsize=16 * 1024)
def _check_labels(labels: bytes) -> None:
    """Raises msgspec.DecodeError where these are no labels."""
    if labels:
        _labels_decoder.decode(labels)


def _tail(body: bytes, found: _Object, shape: Shape, kind: str, api_version: str) -> bytes:
    own_kind, own_version = found.kind or kind, found.apiVersion or api_version
    if not own_kind or not own_version:
        raise WireError("an object without kind or apiVersion")
    opening, by_alphabet = _openings(own_kind, own_version)
    if found.kind is UNSET and found.apiVersion is UNSET:
        start = 1
    elif body.startswith((opening, by_alphabet)):
        start = len(opening)
    else:
        return _rebuilt(body, shape, opening)
    managed = bytes(found.metadata.managedFields)
    if shape.keep_managed_fields or not managed:
        return opening[1:] + body[start:]
    cut = _cut(body, start, managed)
    if cut is None:
        return _rebuilt(body, shape, opening)
    return b"".join((opening[1:], body[start : cut[0]], body[cut[1] :]))


@lru_cache(maxsize=1024)
def _openings(kind: str, api_version: str) -> tuple[bytes, bytes]:
    """How objects begin: as built-in kinds are spelled, and as custom resources are, by the alphabet."""
    spelled, version = msgspec.json.encode(kind), msgspec.json.encode(api_version)
    return (
        b'{"kind":%s,"apiVersion":%s,' % (spelled, version),
        b'{"apiVersion":%s,"kind":%s,' % (version, spelled),
    )


def _cut(body: bytes, start: int, managed: bytes) -> tuple[int, int] | None:
    """Where managedFields and a comma beside them stand, or None where that is not certain.

    ``start`` is where metadata should. It is certain when the members of metadata
    before them make a JSON object by themselves: then the key is in no string, and
    not of anything inside of metadata.
    """
    key = body.find(_MANAGED_FIELDS, start)
    end = key + len(_MANAGED_FIELDS) + len(managed)
    if key < 0 or not body.startswith(_METADATA, start) or not managed.startswith(b"["):
        return None
    if body[key + len(_MANAGED_FIELDS) : end] != managed:
        return None
    try:
        _anything_decoder.decode(body[start + len(_METADATA) : key] + b'"":0}')
    except msgspec.DecodeError:
        return None
    if body[key - 1 : key] == b",":
        return key - 1, end
    if body[end : end + 1] == b",":
        return key, end + 1
    return key, end


def _rebuilt(body: bytes, shape: Shape, opening: bytes) -> bytes:
    members = _members_decoder.decode(body)
    members.pop("kind", None)
    members.pop("apiVersion", None)
    if not shape.keep_managed_fields:
        metadata = _members_decoder.decode(members["metadata"])
        if metadata.pop("managedFields", None) is not None:
            members["metadata"] = Raw(msgspec.json.encode(metadata))
    return opening[1:] + msgspec.json.encode(members)[1:]


def _version(text: str) -> int:
    version = version_number(text)
    if version is None:
        raise WireError(f"resourceVersion {text[:40]!r} is no number of 64 bits")
    return version
