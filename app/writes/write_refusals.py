"""What this server refuses to write, in place of the API server: above all parts of objects."""

from typing import Any

import msgspec

from app.fleet.cluster_request import APPLY, ClusterRequest, Failed


def invalid(detail: str) -> Failed:
    """Return the refusal of a write that cannot be carried out as it is (422, reason ``Invalid``)."""
    return Failed(422, detail, "Invalid")


class _Head(msgspec.Struct):
    metadata: Any = None


def refuse_projection(request: ClusterRequest) -> None:
    """Refuse a write that would remove what ``fields=`` has left out of the object. Raises Failed.

    API servers give every object a uid and a creationTimestamp at once, and ``fields=`` keeps the one
    without the other: who sends a uid has read the object, and who sends it alone has read a part.
    """
    if request.body is None or (request.method != "PUT" and request.content_type != APPLY):
        return
    try:
        metadata = msgspec.json.decode(request.body, type=_Head).metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # which the API server will say
    if isinstance(metadata, dict) and metadata.get("uid") and not metadata.get("creationTimestamp"):
        raise invalid(
            "this object has a metadata.uid and no metadata.creationTimestamp: it is what fields= has left "
            "of one, and this write would remove the rest; read all of it, or PATCH what is to change"
        )
