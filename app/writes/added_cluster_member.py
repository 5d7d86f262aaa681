"""The member ``cluster`` that reads across clusters add to each object, taken out of writes again."""

import msgspec
from msgspec import Raw

from app.cache.cluster_member import MEMBER
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import APPLY, JSON_PATCH, ClusterRequest, Deadline, Failed, send_request
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.definitions import OwnMember
from app.writes.write_refusals import invalid

# Groups that Kubernetes itself defines; other names with a dot are those of custom resources.
_BUILT_IN = ".k8s.io"
_NOT_FOUND = 404

_members = msgspec.json.Decoder(dict[str, Raw])


async def without_added_cluster(
    cluster: Cluster, resource: Resource, request: ClusterRequest, deadline: Deadline
) -> ClusterRequest:
    """Return the same write without the member ``cluster`` that reads add.

    Raises Failed where that member may be the object's own, or where a member of its own, which reads
    do not show, would be lost.
    """
    members = _decoded(request)
    if members is None:
        return request
    own = own_member(cluster, resource)
    added = _text(members.get(MEMBER))
    if added is not None:
        if own == "yes" or (own == "maybe" and added != cluster.name):
            raise invalid(
                f"cluster: {added[:80]!r} is refused: {resource.name} may have a member of this name of "
                f"their own, and it cannot be told from the one that reads here add; write it through "
                f"/clusters/{cluster.name}/"
            )
        del members[MEMBER]
        request = msgspec.structs.replace(request, body=msgspec.json.encode(members))
    removes = request.method == "PUT" or (request.content_type == APPLY and added is not None)
    if own != "no" and removes and MEMBER not in members and await _has_own(cluster, request.path, deadline):
        raise invalid(
            f"this object has a member {MEMBER} of its own, which reads here do not show and this write "
            f"would remove: patch it, or write it through /clusters/{cluster.name}/"
        )
    return request


def own_member(cluster: Cluster, resource: Resource) -> OwnMember:
    """Return whether objects of a resource have a member ``cluster`` of their own."""
    definition = cluster.definitions.by_name.get(resource.name)
    if definition is not None:
        return definition.own_cluster
    custom = "." in resource.group and not resource.group.endswith(_BUILT_IN)
    return "maybe" if custom else "no"


async def _has_own(cluster: Cluster, path: str, deadline: Deadline) -> bool:
    """Return whether the object at a path has a member ``cluster`` in its cluster. Raises Failed."""
    try:
        stored = (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
    except Failed as failed:
        if failed.status == _NOT_FOUND:
            return False
        raise
    return MEMBER in _members.decode(stored)


def _decoded(request: ClusterRequest) -> dict[str, Raw] | None:
    """Return the members of the object that is written; None where it is a JSON patch, or no object."""
    if request.body is None or request.content_type == JSON_PATCH:
        return None
    try:
        return _members.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _text(value: Raw | None) -> str | None:
    """Return a member that is text; None for any other, and for none."""
    if value is None or not bytes(value).startswith(b'"'):
        return None
    return msgspec.json.decode(value, type=str)
