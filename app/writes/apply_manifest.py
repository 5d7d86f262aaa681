"""Applying a manifest to one cluster: server-side, in an order that can work.

Namespaces first, then definitions, and the rest once those are served. Within each of
these it is the manifest's own order, one after the other, as kubectl does it.
"""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from app.fleet.cluster import Cluster
from app.fleet.cluster_request import APPLY, ClusterRequest, Deadline, Failed, NoAnswer, path_of, send_request
from app.kube.discovery.api_resource import Resource
from app.kube.discovery.definitions import crd_resource
from app.manifest import Manifest, phases
from app.suggestions import near
from app.writes.cluster_writes import WriteAnswer, as_written, is_dry_run, write

# For all of a manifest.
LIMIT_SECONDS = 60.0
# It takes an API server tens of milliseconds to serve a new kind, where it serves it at all.
ESTABLISHED_SECONDS = 10.0
LOOK_SECONDS = 0.1
DEFINITION = "CustomResourceDefinition"

# The resource of a manifest where it is known, and what became of it.
AppliedManifest = tuple[Resource | None, WriteAnswer | Failed]


async def apply(
    cluster: Cluster, manifests: Sequence[Manifest], namespace: str, params: Mapping[str, str]
) -> list[AppliedManifest]:
    """Apply objects to one cluster; return the result of each in the order given, with its resource if known.

    ``namespace`` is for those that name none. Once the cluster does not answer, the rest is
    not sent any more.
    """
    return await _Application(cluster, namespace, params).run(manifests)


class _Application:
    """The application of one manifest to one cluster."""

    def __init__(self, cluster: Cluster, namespace: str, params: Mapping[str, str]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._params = params
        self._deadline = Deadline(LIMIT_SECONDS)
        # The kinds that this manifest itself has defined.
        self._defined: dict[tuple[str, str], Resource] = {}
        self._lost: NoAnswer | None = None

    async def run(self, manifests: Sequence[Manifest]) -> list[AppliedManifest]:
        results: dict[int, AppliedManifest] = {}
        for phase in phases(manifests):
            for place, manifest in phase:
                results[place] = await self._one(manifest)
            if not is_dry_run(self._params):
                for place, manifest in phase:
                    await self._establish(manifest, *results[place])
        return [results[place] for place in range(len(manifests))]

    async def _one(self, manifest: Manifest) -> AppliedManifest:
        if self._lost is not None:
            return None, Failed(self._lost.status, f"not tried: {self._lost}", self._lost.reason)
        resource = self._resource(manifest)
        if resource is None:
            return None, Failed(404, self._no_kind(manifest), "NotFound")
        namespace = (manifest.namespace or self._namespace) if resource.namespaced else ""
        if resource.namespaced and not namespace:
            detail = f"{manifest.kind} {manifest.name!r} needs a namespace: metadata.namespace, or namespace="
            return resource, Failed(400, detail, "BadRequest")
        try:
            path = path_of(resource, namespace, manifest.name)
            request = ClusterRequest("PATCH", path, self._params, manifest.body, APPLY, repeatable=True)
            return resource, await self._write(resource, namespace, manifest, request)
        except NoAnswer as failed:
            self._lost = failed
            return resource, failed
        except Failed as failed:
            return resource, failed

    async def _write(
        self, resource: Resource, namespace: str, manifest: Manifest, request: ClusterRequest
    ) -> WriteAnswer:
        new = (manifest.group, manifest.kind) in self._defined
        patience = Deadline(ESTABLISHED_SECONDS)
        while True:
            try:
                return await write(self._cluster, resource, namespace, request, self._deadline)
            except Failed as failed:
                # A definition is established a moment before its kind is served.
                other = failed.status != 404 or failed.detail.startswith("namespaces ")
                if not new or other or patience.left < 0:
                    raise
            await asyncio.sleep(LOOK_SECONDS)

    def _resource(self, manifest: Manifest) -> Resource | None:
        """Return the resource of the manifest's kind, in the version that it is written in; None for none."""
        kind = (manifest.group, manifest.kind)
        named = self._cluster.catalog.index.named(manifest.kind.lower())
        served = (resource for resource in named if (resource.group, resource.kind) == kind)
        resource = self._defined.get(kind) or next(served, None)
        return as_written(resource, manifest.api_version) if resource is not None else None

    def _no_kind(self, manifest: Manifest) -> str:
        """Return the error for a kind that the cluster does not serve, with the kinds that are like it."""
        text = f"the cluster serves no kind {manifest.kind!r} of {manifest.api_version!r}"
        kinds = {
            resource.kind: f"{resource.kind} of {resource.api_version}"
            for resource in self._cluster.catalog.resources
        }
        alike = [kinds[kind] for kind in near(manifest.kind, kinds)]
        return f"{text}; did you mean {', '.join(alike)}?" if alike else text

    async def _establish(
        self, manifest: Manifest, resource: Resource | None, result: WriteAnswer | Failed
    ) -> None:
        """Where this was a definition, wait until its kind is served, ESTABLISHED_SECONDS at most."""
        if manifest.kind != DEFINITION or resource is None or isinstance(result, Failed):
            return
        request = ClusterRequest("GET", path_of(resource, "", manifest.name), repeatable=True)
        body = b"{" + result.tail
        patience = Deadline(ESTABLISHED_SECONDS)
        try:
            while (defined := crd_resource(body)) is None:
                if patience.left < 0:
                    return
                await asyncio.sleep(LOOK_SECONDS)
                body = (await send_request(self._cluster, request, self._deadline)).body
            self._defined[defined.group, defined.kind] = defined
        except NoAnswer as lost:
            self._lost = lost
        except (Failed, msgspec.DecodeError):
            return
