"""Which logs are meant: those of the containers of a pod, or of all pods that a workload has."""

import asyncio
from contextlib import suppress
from typing import Literal, TypeVar

import msgspec

from app.cache.objects import CachedObject, key_of
from app.cache.query.label_selectors import LabelSelector
from app.cache.store import Store
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import ClusterRequest, Deadline, Failed, path_of, send_request
from app.kube.discovery.api_resource import Resource
from app.podlogs.pod_containers import Pod
from app.podlogs.workload_pods import Workload

FIND_SECONDS = 10.0
PODS = "pods"
JOBS = "jobs.batch"
NOT_FOUND = 404
_PODS = Resource("", "v1", PODS, "pod", "Pod", True)

T = TypeVar("T", Pod, Workload)
# The state of the container that writes a log: it runs, may run later, has ended for good, its pod is gone,
# or nobody knows.
WriterState = Literal["runs", "waits", "ended", "gone", "unknown"]


class LogOptions(msgspec.Struct, frozen=True):
    """What of the logs is wanted, as the API server's parameters of these names."""

    container: str | None = None
    previous: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    follow: bool = False

    def params(self) -> dict[str, str]:
        """Return the parameters of a request for a log."""
        params = {"follow": "true"} if self.follow else {}
        if self.previous:
            params["previous"] = "true"
        if self.tail_lines is not None:
            params["tailLines"] = str(self.tail_lines)
        if self.since_seconds is not None:
            params["sinceSeconds"] = str(self.since_seconds)
        return params


class LogSource(msgspec.Struct, frozen=True):
    """The log of one container."""

    cluster: Cluster
    namespace: str
    pod: str
    uid: str
    container: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Cluster, uid of the pod, container: another pod of the same name is another log."""
        return self.cluster.name, self.uid, self.container

    @property
    def path(self) -> str:
        """The URL path of the log at its API server."""
        return path_of(_PODS, self.namespace, self.pod, "log")

    @property
    def prefix(self) -> bytes:
        """What stands in front of each line where several logs are one."""
        return f"[{self.cluster.name}/{self.pod}/{self.container}] ".encode()


class PodLogSources:
    """The logs of one pod in one cluster. ``may_grow`` says that pods may come later."""

    may_grow = False

    def __init__(self, cluster: Cluster, namespace: str, options: LogOptions, pod: Pod | None) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._options = options
        self._pod = pod

    @property
    def knows_pods(self) -> bool:
        """Whether it is known which pods there are now."""
        return True

    @property
    def watched(self) -> list[str]:
        """The resources whose changes may change which logs there are."""
        return [PODS]

    def container_names(self) -> list[str]:
        """Return the names of the containers of all pods that there are now."""
        return list(dict.fromkeys(name for pod in self._pods() for name in pod.spec.names()))

    def present(self) -> list[LogSource]:
        """Return the logs that there are now, those of a pod in kubectl's order."""
        wanted = self._options.container
        return [
            LogSource(self.cluster, self.namespace, pod.metadata.name, pod.metadata.uid, name)
            for pod in self._pods()
            for name in pod.spec.names()
            if wanted in (None, name)
        ]

    async def writer_state(self, source: LogSource) -> WriterState:
        """Return whether a container writes, or may later."""
        if self.cluster.is_closed:
            return "gone"
        try:
            pod = await _current(self.cluster, _PODS, self.namespace, source.pod, source.uid, Pod)
        except Failed:
            return "unknown"
        if pod is None:
            return "gone"
        if pod.has_ended(source.container):
            return "ended"
        return "runs" if pod.runs(source.container) else "waits"

    async def are_complete(self) -> bool:
        """Return whether no further pods will come."""
        return True

    def _pods(self) -> list[Pod]:
        if self._pod is None:
            return []
        # It may have ephemeral containers by now.
        metadata = self._pod.metadata
        cached = _cached(self.cluster, PODS, self.namespace, metadata.name, metadata.uid, Pod)
        return [cached or self._pod]


class WorkloadLogSources(PodLogSources):
    """The logs of all pods that a workload has, now and later."""

    may_grow = True

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str,
        name: str,
        options: LogOptions,
        workload: Workload,
        selector: LabelSelector,
    ) -> None:
        super().__init__(cluster, namespace, options, None)
        self._resource = resource
        self._name = name
        self._workload = workload
        self._selector = selector

    @property
    def knows_pods(self) -> bool:
        """Whether the watch of pods is up to date."""
        return bool(_live(self.cluster, PODS))

    @property
    def watched(self) -> list[str]:
        """Pods, and the resource of the workload."""
        return [PODS, self._resource.name]

    def container_names(self) -> list[str]:
        """Return the names of the containers of its pods and of its pod template."""
        return list(dict.fromkeys([*super().container_names(), *self._workload.container_names()]))

    async def are_complete(self) -> bool:
        """Return whether the workload is gone, or a job that has finished."""
        if self.cluster.is_closed:
            return True
        uid = self._workload.metadata.uid
        try:
            workload = await _current(self.cluster, self._resource, self.namespace, self._name, uid, Workload)
        except Failed:
            return False
        return workload is None or (self._resource.name == JOBS and workload.has_finished())

    def _pods(self) -> list[Pod]:
        watch = self.cluster.watches.get(PODS)
        pods = []
        for store in watch.stores if watch is not None else ():
            for cached in store.select(self._selector, {self.namespace}):
                # One that cannot be read does not keep the others' logs back.
                with suppress(msgspec.DecodeError):
                    pods.append(_decoded(cached, Pod))
        return pods


async def find_log_sources(
    cluster: Cluster, resource: Resource, namespace: str, name: str, options: LogOptions
) -> PodLogSources:
    """Return the logs of a pod or workload. Raises Failed."""
    if resource.name == PODS:
        pod = await _fetch(cluster, resource, namespace, name, Pod)
        return PodLogSources(cluster, namespace, options, pod)
    workload = await _fetch(cluster, resource, namespace, name, Workload)
    try:
        selector = workload.selector()
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
    return WorkloadLogSources(cluster, resource, namespace, name, options, workload, selector)


async def _fetch(cluster: Cluster, resource: Resource, namespace: str, name: str, kind: type[T]) -> T:
    """Return an object as its API server has it. Raises Failed."""
    request = ClusterRequest("GET", path_of(resource, namespace, name), repeatable=True)
    body = (await send_request(cluster, request, Deadline(FIND_SECONDS))).body
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Failed(502, f"the answer cannot be read: {error}", "InternalError") from None


async def _current(
    cluster: Cluster, resource: Resource, namespace: str, name: str, uid: str, kind: type[T]
) -> T | None:
    """The object of this uid as it is now, None where it is gone. Raises Failed where nobody knows."""
    cached = _cached(cluster, resource.name, namespace, name, uid, kind)
    if cached is not None:
        return cached
    # It is gone, or younger than what the watch has brought yet, or nothing of the kind is watched.
    try:
        current = await _fetch(cluster, resource, namespace, name, kind)
    except Failed as failed:
        if failed.status == NOT_FOUND:
            return None
        raise
    return current if current.metadata.uid == uid else None


def _cached(cluster: Cluster, resource: str, namespace: str, name: str, uid: str, kind: type[T]) -> T | None:
    """The object of this uid as the cache has it; None where it has none that can be relied on."""
    for store in _live(cluster, resource):
        cached = store.get(key_of(namespace, name))
        if cached is not None and cached.uid == uid:
            with suppress(msgspec.DecodeError):
                return _decoded(cached, kind)
    return None


def _live(cluster: Cluster, resource: str) -> list[Store]:
    """The stores of a resource where they can be relied on; none where they cannot."""
    watch = cluster.watches.get(resource)
    return watch.stores if watch is not None and watch.condition.state == "synced" else []


def _decoded(cached: CachedObject, kind: type[T]) -> T:
    return msgspec.json.decode(cached.json, type=kind)
