"""Which of the shapes that Kubernetes has for an answer a client would like.

As ``NegotiateMediaTypeOptions`` of k8s.io/apiserver/pkg/endpoints/handlers/negotiation, but that
what is no JSON is passed over: a client that prefers protobuf and admits JSON can be answered here.
"""

from typing import Literal

from app.api.http.negotiation import media_ranges

Shape = Literal["json", "table", "metadata"]

_JSON = frozenset({"application/json", "application/*", "*/*"})
_META = {"g": "meta.k8s.io", "v": "v1"}


def shape_of(accept: str, *, many: bool) -> Shape | None:
    """Return the shape that an Accept header prefers, for one object or for ``many``.

    None where nothing that the cache can give is admitted, or something else is preferred to it.
    """
    if not accept.strip():
        return "json"
    for entry in media_ranges(accept):
        if entry.media not in _JSON or entry.weight <= 0:
            continue
        wanted = {key: value for key, value in entry.options.items() if key not in ("q", "charset")}
        kind = wanted.pop("as", "")
        if not kind and not wanted:
            return "json"
        if wanted != _META:
            return None
        if kind == "Table":
            return "table"
        return "metadata" if kind == f"PartialObjectMetadata{'List' if many else ''}" else None
    return None
