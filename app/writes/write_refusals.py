"""Objects of which ``fields=`` has left some members only, and that are written as if they were whole."""

from typing import Any

import msgspec

from app.fleet.cluster_request import APPLY, ClusterRequest, Failed


class _Head(msgspec.Struct):
    metadata: Any = None


def refuse_projection(asked: ClusterRequest) -> None:
    """Raises Failed for a write that would remove what ``fields=`` has left out of the object.

    API servers give every object a uid and a creationTimestamp at once, and ``fields=`` keeps the one
    without the other: who sends a uid has read the object, and who sends it alone has read a part.
    """
    if asked.body is None or (asked.method != "PUT" and asked.content_type != APPLY):
        return
    try:
        metadata = msgspec.json.decode(asked.body, type=_Head).metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # which the API server will say
    if isinstance(metadata, dict) and metadata.get("uid") and not metadata.get("creationTimestamp"):
        raise Failed(
            422,
            "this object has a metadata.uid and no metadata.creationTimestamp: it is what fields= has left "
            "of one, and this write would remove the rest; read all of it, or PATCH what is to change",
            "Invalid",
        )
