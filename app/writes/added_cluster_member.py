"""Writes of objects that were read across clusters, each with a member ``cluster`` that is not its own."""

import msgspec
from msgspec import Raw

from app.cache.cluster_member import MEMBER
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import APPLY, JSON_PATCH, ClusterRequest, Deadline, Failed, send_request
from app.fleet.definitions import Own
from app.kube.discovery.api_resource import Resource

# Groups that Kubernetes itself defines; other names with a dot are those of custom resources.
_BUILT_IN = ".k8s.io"
_NOT_FOUND = 404

_members = msgspec.json.Decoder(dict[str, Raw])


async def without_ours(
    cluster: Cluster, resource: Resource, asked: ClusterRequest, deadline: Deadline
) -> ClusterRequest:
    """The same write without the member that reads add.

    Raises Failed where that member may be the object's own, or where a member of its own, which reads
    do not show, would be lost.
    """
    members = _decoded(asked)
    if members is None:
        return asked
    own = own_member(cluster, resource)
    ours = _text(members.get(MEMBER))
    if ours is not None:
        if own == "yes" or (own == "maybe" and ours != cluster.name):
            raise _refused(
                f"cluster: {ours[:80]!r} is refused: {resource.name} may have a member of this name of their "
                f"own, and it cannot be told from the one that reads here add; write it through "
                f"/clusters/{cluster.name}/"
            )
        del members[MEMBER]
        asked = msgspec.structs.replace(asked, body=msgspec.json.encode(members))
    removes = asked.method == "PUT" or (asked.content_type == APPLY and ours is not None)
    if own != "no" and removes and MEMBER not in members and await _has_own(cluster, asked.path, deadline):
        raise _refused(
            f"this object has a member {MEMBER} of its own, which reads here do not show and this write "
            f"would remove: patch it, or write it through /clusters/{cluster.name}/"
        )
    return asked


def own_member(cluster: Cluster, resource: Resource) -> Own:
    """Whether objects of a resource have a member ``cluster`` of their own."""
    definition = cluster.definitions.known.get(resource.name)
    if definition is not None:
        return definition.own_cluster
    custom = "." in resource.group and not resource.group.endswith(_BUILT_IN)
    return "maybe" if custom else "no"


async def _has_own(cluster: Cluster, path: str, deadline: Deadline) -> bool:
    """Whether the object that is stored there has such a member. Raises Failed."""
    try:
        stored = (await send_request(cluster, ClusterRequest("GET", path, repeatable=True), deadline)).body
    except Failed as failed:
        if failed.status == _NOT_FOUND:
            return False
        raise
    return MEMBER in _members.decode(stored)


def _decoded(asked: ClusterRequest) -> dict[str, Raw] | None:
    """The members of the object that is written; None where there is none."""
    if asked.body is None or asked.content_type == JSON_PATCH:
        return None
    try:
        return _members.decode(asked.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _text(value: Raw | None) -> str | None:
    """A member that is text; None for any other, and for none."""
    if value is None or not bytes(value).startswith(b'"'):
        return None
    return msgspec.json.decode(value, type=str)


def _refused(detail: str) -> Failed:
    return Failed(422, detail, "Invalid")
