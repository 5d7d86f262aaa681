"""Whose logs are meant: the containers of a pod, or of all pods that a workload has."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec

from app.cache.objects import CachedObject
from app.cache.selectors import LabelSelector, Requirement, SelectorError
from app.fleet.asking import Ask, Deadline, Failed, ask
from app.fleet.cluster import Cluster
from app.fleet.writing import path_of
from app.kube.resources import Resource

FIND_SECONDS = 10.0
PODS = "pods"
_PODS = Resource("", "v1", PODS, "pod", "Pod", True)


class LogOptions(msgspec.Struct, frozen=True):
    """What of the logs is wanted, as the API server's parameters of these names."""

    container: str | None = None
    previous: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    follow: bool = False

    def params(self) -> dict[str, str]:
        found = {"follow": "true"} if self.follow else {}
        if self.previous:
            found["previous"] = "true"
        if self.tail_lines is not None:
            found["tailLines"] = str(self.tail_lines)
        if self.since_seconds is not None:
            found["sinceSeconds"] = str(self.since_seconds)
        return found


class _Named(msgspec.Struct):
    name: str = ""


class _PodSpec(msgspec.Struct):
    containers: list[_Named] = []
    initContainers: list[_Named] | None = None
    ephemeralContainers: list[_Named] | None = None


class _Pod(msgspec.Struct):
    metadata: dict[str, Any]
    spec: _PodSpec


class _Expression(msgspec.Struct):
    key: str
    operator: str
    values: list[str] | None = None


class _Selector(msgspec.Struct):
    matchLabels: dict[str, str] | None = None
    matchExpressions: list[_Expression] | None = None


class _WorkloadSpec(msgspec.Struct):
    selector: msgspec.Raw = msgspec.Raw(b"null")


class _Workload(msgspec.Struct):
    spec: _WorkloadSpec = msgspec.field(default_factory=_WorkloadSpec)


class Source(msgspec.Struct, frozen=True):
    """The log of one container."""

    cluster: Cluster
    namespace: str
    pod: str
    uid: str
    container: str

    @property
    def path(self) -> str:
        return path_of(_PODS, self.namespace, self.pod, "log")

    @property
    def prefix(self) -> bytes:
        return f"[{self.cluster.name}/{self.pod}/{self.container}] ".encode()


class Writers:
    """Whose logs are meant in one cluster: a pod's, or those of the pods of a workload."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        options: LogOptions,
        pod: _Pod | None,
        selector: LabelSelector | None,
    ) -> None:
        self.cluster = cluster
        self._namespace = namespace
        self._options = options
        self._pod = pod
        self._selector = selector

    @property
    def grow(self) -> bool:
        """Whether there may be more of them later."""
        return self._selector is not None

    def sources(self) -> list[Source]:
        """The containers that there are now."""
        pods = [self._pod] if self._pod is not None else [_decoded(found) for found in self._selected()]
        return [source for pod in pods for source in self._containers(pod)]

    def _selected(self) -> list[CachedObject]:
        watch = self.cluster.watches.get(PODS)
        stores = watch.stores if watch is not None else []
        return [found for store in stores for found in store.select(self._selector, {self._namespace})]

    def _containers(self, pod: _Pod) -> list[Source]:
        spec, wanted = pod.spec, self._options.container
        names = [each.name for each in spec.containers]
        if wanted is not None:
            others = [*(spec.initContainers or ()), *(spec.ephemeralContainers or ())]
            # Of one pod the API server says best what is wrong with a name.
            there = wanted in names or wanted in [each.name for each in others] or self._pod is not None
            names = [wanted] if there else []
        metadata = pod.metadata
        return [
            Source(self.cluster, self._namespace, metadata["name"], metadata["uid"], name) for name in names
        ]

    def is_there(self, source: Source) -> bool:
        return any(found.uid == source.uid for found in self._selected())


async def find(
    cluster: Cluster, resource: Resource, namespace: str, name: str, options: LogOptions
) -> Writers:
    """Whose logs are meant. Raises Failed."""
    asked = Ask("GET", path_of(resource, namespace, name), repeatable=True)
    body = (await ask(cluster, asked, Deadline(FIND_SECONDS))).body
    try:
        if resource.name == PODS:
            return Writers(cluster, namespace, options, msgspec.json.decode(body, type=_Pod), None)
        selector = _selector(msgspec.json.decode(body, type=_Workload).spec.selector)
    except msgspec.DecodeError as error:
        raise Failed(502, f"the answer cannot be read: {error}", "InternalError") from None
    if selector is None:
        raise Failed(400, f"{resource.name} select no pods, so they have no logs", "BadRequest")
    cluster.watches.ask(PODS)
    watch = cluster.watches.get(PODS)
    if watch is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIND_SECONDS):
                await watch.settle()
                await cluster.written.seen(PODS)
    condition = cluster.condition_of(PODS)
    if condition.state == "forbidden":
        raise Failed(403, f"its pods are not to be seen: {condition.error}", "Forbidden")
    return Writers(cluster, namespace, options, None, selector)


def _selector(raw: msgspec.Raw) -> LabelSelector | None:
    """Which pods a workload has; None for none. Services have plain labels. Raises msgspec.DecodeError."""
    members = msgspec.json.decode(raw, type=dict[str, Any] | None)
    if not members:
        return None
    if not {"matchLabels", "matchExpressions"} & members.keys():
        labels = msgspec.convert(members, dict[str, str])
        return LabelSelector(tuple(Requirement(key, "in", (value,)) for key, value in sorted(labels.items())))
    selector = msgspec.convert(members, _Selector)
    parts = [f"{key}={value}" for key, value in (selector.matchLabels or {}).items()]
    for each in selector.matchExpressions or ():
        values = ",".join(each.values or ())
        forms = {
            "In": f"{each.key} in ({values})",
            "NotIn": f"{each.key} notin ({values})",
            "Exists": each.key,
            "DoesNotExist": f"!{each.key}",
        }
        parts.append(forms.get(each.operator, ""))
    try:
        return LabelSelector.parse(",".join(parts))
    except SelectorError as error:
        raise msgspec.ValidationError(str(error)) from None


def _decoded(found: CachedObject) -> _Pod:
    return msgspec.json.decode(found.json, type=_Pod)
