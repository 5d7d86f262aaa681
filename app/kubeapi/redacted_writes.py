"""Writes to a cluster's own API that hold a Secret which this server has redacted."""

import re

from aiohttp import web

from app.api.http.problem import Problem
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import LIMIT_SECONDS, ClusterRequest, Deadline, Failed
from app.kube.wire.secret_redaction import REDACTED, SECRETS, Unrestorable, is_redacted
from app.kubeapi import protobuf
from app.kubeapi.forwarded_headers import impersonates
from app.kubeapi.request_line import Target
from app.manifest import read_one
from app.writes.secret_restore import with_stored_values
from app.yaml_reader import Unreadable

# Before a part of a text in CBOR, which may be cut anywhere, stands how long the part is.
_CBOR_LENGTH = rb"(?:[\x40-\x57\x60-\x77]|[\x58\x78].|[\x59\x79]..|[\x5a\x7a].{4}|[\x5b\x7b].{8})?"
_ANNOTATION = re.compile(_CBOR_LENGTH.join(re.escape(bytes([each])) for each in REDACTED.encode()), re.DOTALL)
_WRITES = frozenset({"POST", "PUT", "PATCH"})
_BINARY = frozenset({protobuf.MEDIA_TYPE, "application/cbor", "application/apply-patch+cbor"})
# An API server takes no larger body.
_LARGEST_BYTES = 3 * 1024 * 1024


def may_hold_secret(request: web.Request, target: Target) -> bool:
    """Whether the body is, or changes, a Secret."""
    info = target.info
    return request.method in _WRITES and info.qualified == SECRETS and not info.subresource


async def body_with_stored_values(request: web.Request, cluster: Cluster, target: Target) -> bytes:
    """The body that is to be forwarded: as it came, or with the values that were redacted in it.

    Raises Problem: 413, 422 where they cannot be kept, and what reading them fails with.
    """
    body = await request.content.read(_LARGEST_BYTES + 1)
    while len(body) <= _LARGEST_BYTES and not request.content.at_eof():
        body += await request.content.read(_LARGEST_BYTES + 1 - len(body))
    if len(body) > _LARGEST_BYTES:
        raise Problem(413, f"the body is too large; accepted are {_LARGEST_BYTES} bytes")
    media = request.content_type
    if media in _BINARY:
        if _ANNOTATION.search(body):
            raise Problem(422, f"this Secret is redacted ({REDACTED}); accepted is JSON or YAML of it")
        return body
    try:
        document = read_one(body, is_json=False) if media.endswith("yaml") else body
    except Unreadable as error:
        if REDACTED.encode() in body:
            raise Problem(422, f"this Secret is redacted ({REDACTED}), and cannot be read: {error}") from None
        return body  # which the API server will say
    asked = ClusterRequest(request.method, target.path, {}, document, media)
    try:
        # Before anything is read that this caller may not know.
        if impersonates(request):
            _refuse_redacted(document)
        kept = await with_stored_values(cluster, asked, Deadline(LIMIT_SECONDS))
    except Unrestorable as error:
        raise Problem(422, str(error)) from None
    except Failed as failed:
        raise Problem(failed.status, failed.detail) from None
    return body if kept is asked or kept.body is None else kept.body


def _refuse_redacted(document: bytes) -> None:
    if is_redacted(document):
        raise Unrestorable(f"this Secret is redacted ({REDACTED}), and is completed for nobody else")
