"""Manifests: the objects in them, and the order in which these can be applied."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import orjson

from app.yaml_reader import Unreadable, check_lossless, load

# Lists may hold lists; nobody writes them deeper.
_DEEPEST = 8
_FIRST = ("Namespace", "CustomResourceDefinition")


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Manifest(msgspec.Struct, frozen=True):
    """One object of a manifest: what identifies it, and its JSON as ``body``.

    ``namespace`` is "" where it names none.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    body: bytes

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def resource(self) -> str:
        """The kind in lower case, with ``.group`` where it has one: a word that names its resource."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()

    @property
    def phase(self) -> int:
        """The step in which it is applied: namespaces first, then definitions, then everything else."""
        return _FIRST.index(self.kind) if self.kind in _FIRST else len(_FIRST)


def read(body: bytes, *, is_json: bool) -> list[Manifest]:
    """Return the objects of a manifest, as `read_any`; there must be one. Raises Unreadable."""
    manifests = read_any(body, is_json=is_json)
    if not manifests:
        raise Unreadable("there is no object in it")
    return manifests


def read_any(body: bytes, *, is_json: bool) -> list[Manifest]:
    """Return the objects of a manifest in its own order, those of lists one by one. Raises Unreadable."""
    return [
        _manifest(item, number)
        for number, document in enumerate(load(body, is_json=is_json), 1)
        for item in _objects(document, number, 0)
    ]


def read_one(body: bytes, *, is_json: bool) -> bytes:
    """Return the JSON of the one object of a body. Raises Unreadable."""
    if not is_json:
        documents = load(body, is_json=False)
        if len(documents) != 1 or not isinstance(documents[0], dict):
            raise Unreadable("it must be one object")
        return _encoded(documents[0], 1)
    check_lossless(body)
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"it must be one object: {error}") from None
    return msgspec.json.encode(members)


def phases(manifests: Sequence[Manifest]) -> Iterator[list[tuple[int, Manifest]]]:
    """Yield the manifests in groups, each of which can be applied once those before it are.

    Each manifest comes with its index in ``manifests``.
    """
    numbered = [*enumerate(manifests)]
    for phase in range(len(_FIRST) + 1):
        yield [(index, manifest) for index, manifest in numbered if manifest.phase == phase]


def _encoded(document: Any, number: int) -> bytes:
    """Return the JSON of a document. Raises Unreadable."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise Unreadable(f"document {number}: {error}") from None


def _objects(document: Any, number: int, depth: int) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        raise Unreadable(f"document {number} is not an object but {_shown(document)}")
    kind, items = document.get("kind"), document.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield document
        return
    if depth == _DEEPEST:
        raise Unreadable(f"document {number}: lists in lists, deeper than {_DEEPEST}")
    for item in items:
        # The items of a list that an API server answered with do not say what they are.
        head = {"apiVersion": document.get("apiVersion"), "kind": kind.removesuffix("List")}
        typed = kind != "List" and isinstance(item, dict) and "kind" not in item
        yield from _objects({**head, **item} if typed else item, number, depth + 1)


def _manifest(document: dict[str, Any], number: int) -> Manifest:
    metadata = document.get("metadata")
    members = metadata if isinstance(metadata, dict) else {}
    parts: list[str] = []
    for path, value, needed in (
        ("apiVersion", document.get("apiVersion"), True),
        ("kind", document.get("kind"), True),
        ("metadata.namespace", members.get("namespace") or "", False),
        ("metadata.name", members.get("name"), True),
    ):
        if not isinstance(value, str) or (needed and not value):
            raise Unreadable(f"document {number}: {path} must be text, and is {_shown(value)}")
        parts.append(value)
    api_version, kind, namespace, name = parts
    return Manifest(api_version, kind, namespace, name, _encoded(document, number))


def _shown(value: Any) -> str:
    return "missing" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
