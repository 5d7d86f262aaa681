"""CustomResourceDefinitions: the resource, the printer columns and the kind of lists that each defines.

Definitions are large and there may be hundreds, so what is kept of each is only what
is needed to watch its resource and to print it.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from app.json_access import boolean, mapping, objects, text, texts
from app.kube.discovery.api_resource import Resource
from app.kube.wire.wire_object import WireObject

log = logging.getLogger(__name__)

_CRD_VERBS = frozenset(("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"))
_KUBE_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")

_anything = msgspec.json.Decoder(dict[str, Any])

# Of a schema whose objects may have members that it does not name.
_KEEPS_ALL = "x-kubernetes-preserve-unknown-fields"


# Whether objects have a member ``cluster`` of their own.
OwnMember = Literal["no", "maybe", "yes"]


class Definition(msgspec.Struct, frozen=True):
    """What is kept of a CustomResourceDefinition.

    ``resource`` is None while the API server does not serve it. ``columns`` are the
    additionalPrinterColumns of each version, ``list_kind`` is what a list of it is,
    ``own_cluster`` whether its objects have a member ``cluster``, which reads add to all others.
    """

    resource: Resource | None
    columns: Mapping[str, Sequence[Mapping[str, Any]]]
    list_kind: str = ""
    own_cluster: OwnMember = "no"


def crd_resource(crd_json: bytes) -> Resource | None:
    """Return the resource that a CustomResourceDefinition defines; None while it is not served.

    Raises msgspec.DecodeError for what is no JSON object.
    """
    crd = _anything.decode(crd_json)
    conditions = {
        text(condition, "type"): text(condition, "status")
        for condition in objects(crd, "status", "conditions")
    }
    versions = objects(crd, "spec", "versions")
    served = [text(version, "name") for version in versions if boolean(version, "served")]
    names = mapping(crd, "status", "acceptedNames")
    plural, kind, group = text(names, "plural"), text(names, "kind"), text(crd, "spec", "group")
    if conditions.get("Established") != "True" or not any(served) or not (plural and kind and group):
        return None
    return Resource(
        group=group,
        version=max(sorted(served), key=_priority),
        plural=plural,
        singular=text(names, "singular") or kind.lower(),
        kind=kind,
        namespaced=text(crd, "spec", "scope") == "Namespaced",
        short_names=tuple(texts(names, "shortNames")),
        categories=tuple(texts(names, "categories")),
        verbs=_CRD_VERBS,
    )


def decode_definition(wire_object: WireObject, member: str) -> Definition:
    """Return what is kept of a definition, whatever in it is not as it should be.

    ``member`` is the one that reads add to objects, ``cluster``.
    """
    document = b"{" + wire_object.tail
    try:
        crd = msgspec.json.decode(document, type=dict[str, Any])
        resource = crd_resource(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return undecodable_definition(wire_object.name, str(error))
    columns = {
        text(version, "name"): objects(version, "additionalPrinterColumns")
        for version in objects(crd, "spec", "versions")
    }
    return Definition(resource, columns, text(crd, "spec", "names", "listKind"), _own_member(crd, member))


def _own_member(crd: Mapping[str, Any], member: str) -> OwnMember:
    schemas = [mapping(version, "schema", "openAPIV3Schema") for version in objects(crd, "spec", "versions")]
    if any(member in mapping(schema, "properties") for schema in schemas):
        return "yes"
    return "maybe" if any(boolean(schema, _KEEPS_ALL) for schema in schemas) else "no"


def undecodable_definition(name: str, reason: str) -> Definition:
    """Log that a definition cannot be decoded; return one that is not served."""
    log.warning("definition cannot be read", extra={"definition": name, "error": reason})
    return Definition(None, {})


def _priority(version: str) -> tuple[int, int, int]:
    """Return a key that sorts versions as the API server prefers them: v10, v2, v1, v2beta1, others.

    k8s.io/apimachinery/pkg/version.CompareKubeAwareVersionStrings, where the others are
    in the order of the alphabet.
    """
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return (0, 0, 0)
    major, stage, minor = match.groups()
    return ({"alpha": 1, "beta": 2, None: 3}[stage], int(major), int(minor or 0))
