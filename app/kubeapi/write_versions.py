"""What the answer to a write says of its version, so that later reads can wait for it."""

import zlib
from collections.abc import Callable, Sequence

import aiohttp
import msgspec
from aiohttp import hdrs

from app.fleet.cluster import Cluster
from app.fleet.own_writes import ObjectAnswer
from app.kube.wire.resource_version import version_number
from app.kubeapi import protobuf
from app.kubeapi.forward import Heard
from app.kubeapi.request_line import Target

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Longer answers, packed or not, come of collections that are deleted; who reads after that may be early.
LONGEST_ANSWER = 8 * 1024 * 1024


class _Answer(ObjectAnswer):
    """The same, or of a collection the objects that were deleted."""

    items: list[ObjectAnswer] | None = None


def listener(
    cluster: Cluster, target: Target, method: str
) -> "Callable[[aiohttp.ClientResponse], Heard | None]":
    """What `app.kubeapi.forward.forward` calls with the answer to a request."""

    def answered(answer: aiohttp.ClientResponse) -> Heard | None:
        if method not in WRITING or answer.status >= 300 or not target.info.resource:
            return None
        return _Ear(cluster, target, method, answer).hear

    return answered


class _Ear:
    """Keeps an answer until it is whole. The last byte is heard here before it is sent on."""

    def __init__(self, cluster: Cluster, target: Target, method: str, answer: aiohttp.ClientResponse) -> None:
        self._cluster = cluster
        self._target = target
        self._deletes = method == hdrs.METH_DELETE
        self._media = answer.content_type
        self._coding = answer.headers.get(hdrs.CONTENT_ENCODING, "")
        self._length = answer.content_length
        self._pieces: list[bytes] = []
        self._heard = 0

    def hear(self, piece: bytes) -> None:
        self._heard += len(piece)
        if self._heard <= LONGEST_ANSWER:
            self._pieces.append(piece)
        if (not piece if self._length is None else self._heard == self._length) and self._pieces:
            body, self._pieces = b"".join(self._pieces), []
            self._note(body)

    def _note(self, body: bytes) -> None:
        answer = _decoded(body, self._media, self._coding)
        for each in _objects(answer) if answer is not None else ():
            self._note_one(each)

    def _note_one(self, answer: ObjectAnswer) -> None:
        info, written = self._target.info, self._cluster.written
        metadata = answer.metadata
        if self._deletes and not info.subresource:
            if answer.kind == "Status" and answer.details is not None:
                uid = answer.details.uid
                if uid:
                    written.note_deletion(info.qualified, info.namespace, info.name, uid)
                return
            if answer.leaves_nothing and metadata.uid:
                written.note_deletion(info.qualified, metadata.namespace, metadata.name, metadata.uid)
                return
        version = version_number(metadata.resourceVersion)
        if version is not None:
            written.note(info.qualified, metadata.namespace, version)


def _objects(answer: _Answer) -> Sequence[ObjectAnswer]:
    return [answer] if answer.items is None else answer.items


def _decoded(body: bytes, media: str, coding: str) -> _Answer | None:
    """None for what cannot be read, which is no reason not to pass it on."""
    try:
        if coding == "gzip":
            unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            body = unpacking.decompress(body, LONGEST_ANSWER)
            if not unpacking.eof:
                return None
        if media == "application/json":
            return msgspec.json.decode(body, type=_Answer)
        if media == protobuf.MEDIA_TYPE:
            return msgspec.convert(protobuf.answer(body), _Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, IndexError, zlib.error):
        pass
    return None
