"""Rows of volumes, of what provides them, and of devices.

From ``printPersistentVolume`` and its neighbours in
kubernetes/pkg/printers/internalversion/printers.go, 1.37.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from app.cache.ages import parse_time, since
from app.cache.tables.row_parts import UNSET, age_of, is_deleted, name_and_age, name_of, or_none
from app.cache.tables.table_model import MakeRow, MakeRows, Row
from app.json_access import Object, at, boolean, mapping, objects, printed, size, text, texts

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_NEVER = datetime.min.replace(tzinfo=UTC)
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _volume(volume: Object, now: datetime) -> Row:
    spec = mapping(volume, "spec")
    claim = at(spec, "claimRef")
    return [
        name_of(volume),
        printed(spec, "capacity", "storage", missing="0"),
        _modes(texts(spec, "accessModes")),
        text(spec, "persistentVolumeReclaimPolicy"),
        _phase(volume),
        "" if claim is None else f"{text(claim, 'namespace')}/{text(claim, 'name')}",
        _class(volume),
        _or_unset(spec, "volumeAttributesClassName"),
        text(volume, "status", "reason"),
        age_of(volume, now),
        _or_unset(spec, "volumeMode"),
    ]


def _claim(claim: Object, now: datetime) -> Row:
    spec, status = mapping(claim, "spec"), mapping(claim, "status")
    bound = text(spec, "volumeName")
    return [
        name_of(claim),
        _phase(claim),
        bound,
        printed(status, "capacity", "storage", missing="0") if bound else "",
        _modes(texts(status, "accessModes")) if bound else "",
        _class(claim),
        _or_unset(spec, "volumeAttributesClassName"),
        age_of(claim, now),
        _or_unset(spec, "volumeMode"),
    ]


def _phase(obj: Object) -> str:
    return "Terminating" if is_deleted(obj) else text(obj, "status", "phase")


def _modes(modes: list[str]) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in modes)


def _class(obj: Object) -> str:
    annotations = mapping(obj, "metadata", "annotations")
    return (
        text(annotations, _OLD_CLASS) if _OLD_CLASS in annotations else text(obj, "spec", "storageClassName")
    )


def _or_unset(obj: object, *path: str) -> str:
    return UNSET if at(obj, *path) is None else text(obj, *path)


def _storage_class(storage_class: Object, now: datetime) -> Row:
    return [
        name_of(storage_class),
        text(storage_class, "provisioner"),
        text(storage_class, "reclaimPolicy") or "Delete",
        text(storage_class, "volumeBindingMode") or "Immediate",
        boolean(storage_class, "allowVolumeExpansion"),
        age_of(storage_class, now),
    ]


def _storage_classes(classes: Sequence[Object], now: datetime) -> list[Row]:
    """Rows, of which the newest that is marked says ``(default)``, of equally new ones the first by name."""
    rows = [_storage_class(storage_class, now) for storage_class in classes]
    marked = [number for number, storage_class in enumerate(classes) if _is_marked(storage_class)]
    if marked:
        marked.sort(key=lambda number: name_of(classes[number]))
        default = max(marked, key=lambda number: _created(classes[number]))
        rows[default][0] = f"{rows[default][0]} (default)"
    return rows


def _created(storage_class: Object) -> datetime:
    return parse_time(at(storage_class, "metadata", "creationTimestamp")) or _NEVER


def _is_marked(storage_class: Object) -> bool:
    annotations = mapping(storage_class, "metadata", "annotations")
    return any(text(annotations, annotation) == "true" for annotation in _DEFAULT_CLASS)


def _attributes_class(attributes: Object, now: datetime) -> Row:
    return [name_of(attributes), text(attributes, "driverName"), age_of(attributes, now)]


def _attachment(attachment: Object, now: datetime) -> Row:
    spec = mapping(attachment, "spec")
    return [
        name_of(attachment),
        text(spec, "attacher"),
        text(spec, "source", "persistentVolumeName"),
        text(spec, "nodeName"),
        boolean(attachment, "status", "attached"),
        age_of(attachment, now),
    ]


def _csi_node(node: Object, now: datetime) -> Row:
    return [name_of(node), size(node, "spec", "drivers"), age_of(node, now)]


def _csi_driver(driver: Object, now: datetime) -> Row:
    spec = mapping(driver, "spec")
    requests = at(spec, "tokenRequests")
    return [
        name_of(driver),
        boolean(spec, "attachRequired", default=True),
        boolean(spec, "podInfoOnMount"),
        boolean(spec, "storageCapacity"),
        UNSET if requests is None else ",".join(text(request, "audience") for request in objects(requests)),
        boolean(spec, "requiresRepublish"),
        or_none(",".join(texts(spec, "volumeLifecycleModes"))),
        age_of(driver, now),
    ]


def _resource_claim(claim: Object, now: datetime) -> Row:
    allocated = at(claim, "status", "allocation") is not None
    states = ["deleted"] if is_deleted(claim) else [] if allocated else ["pending"]
    if allocated:
        states.append("allocated")
        if size(claim, "status", "reservedFor"):
            states.append("reserved")
    return [name_of(claim), ",".join(states), age_of(claim, now)]


def _resource_slice(resource_slice: Object, now: datetime) -> Row:
    spec = mapping(resource_slice, "spec")
    return [
        name_of(resource_slice),
        text(spec, "nodeName"),
        text(spec, "driver"),
        text(spec, "pool", "name"),
        age_of(resource_slice, now),
    ]


def _device_taint(rule: Object, now: datetime) -> Row:
    taint = mapping(rule, "spec", "taint")
    added = at(taint, "timeAdded")
    return [
        name_of(rule),
        text(taint, "key"),
        text(taint, "value"),
        text(taint, "effect"),
        "" if added is None else since(added, now),
        age_of(rule, now),
    ]


ROWS: dict[str, MakeRow] = {
    "persistentvolumes": _volume,
    "persistentvolumeclaims": _claim,
    "storageclasses.storage.k8s.io": _storage_class,
    "volumeattributesclasses.storage.k8s.io": _attributes_class,
    "volumeattachments.storage.k8s.io": _attachment,
    "csinodes.storage.k8s.io": _csi_node,
    "csidrivers.storage.k8s.io": _csi_driver,
    "deviceclasses.resource.k8s.io": name_and_age,
    "resourceclaims.resource.k8s.io": _resource_claim,
    "resourceclaimtemplates.resource.k8s.io": name_and_age,
    "resourceslices.resource.k8s.io": _resource_slice,
    "devicetaintrules.resource.k8s.io": _device_taint,
}
OF_LISTS: dict[str, MakeRows] = {"storageclasses.storage.k8s.io": _storage_classes}
