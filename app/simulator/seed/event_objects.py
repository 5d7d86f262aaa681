"""Build Events, in which a component reports something about an object."""

from __future__ import annotations

from app.simulator.seed.object_factory import Obj, ObjectFactory, json_digest


def event_key(about: Obj, reason: str, message: str) -> str:
    """Return what equal events have in common; an event correlator counts them up in one Event."""
    return f"{about['metadata']['uid']}/{reason}/{message}"


def make_event(
    factory: ObjectFactory,
    about: Obj,
    reason: str,
    message: str,
    *,
    component: str,
    at: str,
    warning: bool = False,
) -> Obj:
    """Return an Event of a component about an object. at: its time, as metav1.Time."""
    meta = about["metadata"]
    namespace = meta.get("namespace", "default")
    reference: Obj = {
        "kind": about["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": about["apiVersion"],
    }
    if "namespace" in meta:
        reference["namespace"] = namespace
    if "resourceVersion" in meta:
        reference["resourceVersion"] = meta["resourceVersion"]
    source: Obj = {"component": component}
    if component == "kubelet" and about["kind"] == "Pod":
        source["host"] = about["spec"].get("nodeName", "")
    # client-go names events after the nanosecond; this is as unique and repeatable.
    name = f"{meta['name']}.{json_digest([event_key(about, reason, message), at, factory.suffix(8)])[:16]}"
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": factory.meta(name, namespace, created=at),
        "involvedObject": reference,
        "reason": reason,
        "message": message,
        "source": source,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": "Warning" if warning else "Normal",
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": source.get("host", ""),
    }
