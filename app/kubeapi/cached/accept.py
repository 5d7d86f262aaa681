"""Which of the shapes that Kubernetes has for an answer a client would like.

As ``NegotiateMediaTypeOptions`` of k8s.io/apiserver/pkg/endpoints/handlers/negotiation, but that
what is no JSON is passed over: a client that prefers protobuf and admits JSON can be answered here.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

Shape = Literal["json", "table", "metadata"]

_JSON = frozenset({"application/json", "application/*", "*/*"})
_META = {"g": "meta.k8s.io", "v": "v1"}


def shape_of(accept: Sequence[str], *, many: bool) -> Shape | None:
    """None where nothing that the cache can give is admitted, or something else is preferred to it."""
    text = ",".join(accept)
    if not text.strip():
        return "json"
    for media, options in sorted(_clauses(text), key=lambda clause: -_weight(clause[1])):
        if media not in _JSON or _weight(options) <= 0:
            continue
        wanted = {key: value for key, value in options.items() if key not in ("q", "charset")}
        kind = wanted.pop("as", "")
        if not kind and not wanted:
            return "json"
        if wanted != _META:
            return None
        if kind == "Table":
            return "table"
        return "metadata" if kind == f"PartialObjectMetadata{'List' if many else ''}" else None
    return None


def _clauses(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for clause in text.split(","):
        media, *options = (part.strip() for part in clause.split(";"))
        pairs = (option.partition("=") for option in options if option)
        yield media.lower(), {key.strip().lower(): value.strip() for key, _, value in pairs}


def _weight(options: dict[str, str]) -> float:
    try:
        return float(options.get("q", "1"))
    except ValueError:
        return 0.0
