"""Rows of who may do what: bindings of roles, and certificates.

From ``printRoleBinding`` and its neighbours in
kubernetes/pkg/printers/internalversion/printers.go, 1.37.
"""

from datetime import datetime

from app.cache.ages import human_duration
from app.cache.tables.row_parts import age_of, name_of, or_none
from app.cache.tables.selector_text import NONE, labels_text
from app.cache.tables.table_model import MakeRow, Row
from app.json_access import Object, at, integer, mapping, objects, text


def _binding(binding: Object, now: datetime) -> Row:
    subjects = objects(binding, "subjects")
    return [
        name_of(binding),
        f"{text(binding, 'roleRef', 'kind')}/{text(binding, 'roleRef', 'name')}",
        age_of(binding, now),
        ", ".join(text(subject, "name") for subject in subjects if text(subject, "kind") == "User"),
        ", ".join(text(subject, "name") for subject in subjects if text(subject, "kind") == "Group"),
        ", ".join(
            f"{text(subject, 'namespace')}/{text(subject, 'name')}"
            for subject in subjects
            if text(subject, "kind") == "ServiceAccount"
        ),
    ]


def _signing_request(request: Object, now: datetime) -> Row:
    spec = mapping(request, "spec")
    expires = at(spec, "expirationSeconds")
    return [
        name_of(request),
        age_of(request, now),
        or_none(text(spec, "signerName")),
        text(spec, "username"),
        NONE if expires is None else human_duration(integer(spec, "expirationSeconds")),
        _signing_status(request),
    ]


def _signing_status(request: Object) -> str:
    conditions = {text(condition, "type") for condition in objects(request, "status", "conditions")}
    status = "Denied" if "Denied" in conditions else "Approved" if "Approved" in conditions else "Pending"
    if "Failed" in conditions:
        status += ",Failed"
    return f"{status},Issued" if text(request, "status", "certificate") else status


def _trust_bundle(bundle: Object, now: datetime) -> Row:
    return [name_of(bundle), or_none(text(bundle, "spec", "signerName"))]


def _pod_certificate(request: Object, now: datetime) -> Row:
    spec = mapping(request, "spec")
    state = "Pending"
    for condition in objects(request, "status", "conditions"):
        if text(condition, "type") in ("Issued", "Denied", "Failed"):
            state = text(condition, "type")
    return [
        name_of(request),
        text(spec, "podName"),
        text(spec, "serviceAccountName"),
        text(spec, "nodeName"),
        text(spec, "signerName"),
        state,
        labels_text(mapping(spec, "unverifiedUserAnnotations")),
    ]


ROWS: dict[str, MakeRow] = {
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "certificatesigningrequests.certificates.k8s.io": _signing_request,
    "clustertrustbundles.certificates.k8s.io": _trust_bundle,
    "podcertificaterequests.certificates.k8s.io": _pod_certificate,
}
