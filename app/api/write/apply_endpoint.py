"""POST /apply: a manifest, in one cluster or in several."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from app.api.door import audit
from app.api.door.permissions import check_writable
from app.api.http.problem import Problem
from app.api.write.write_request import body_of, named_namespace, options, permit_namespace, targets
from app.api.write.write_results import common_status, cursor_header, fault, refused, results_answer, told
from app.fleet.cluster import Cluster
from app.fleet.cluster_request import Failed
from app.manifest import Manifest, read
from app.writes.apply_manifest import AppliedManifest, apply
from app.writes.cluster_writes import is_dry_run


async def apply_manifest(request: web.Request) -> web.StreamResponse:
    """Answer ``POST /apply``. Raises Problem."""
    where = targets(request)
    namespace = named_namespace(request)
    params = {"force": "false", **options(request)}
    manifests = await body_of(request, read)
    for named in {manifest.namespace for manifest in manifests} | {namespace}:
        if named:
            permit_namespace(request, named)
    applied = await asyncio.gather(
        *(_in_cluster(request, cluster, manifests, namespace, params) for cluster in where.clusters)
    )
    parts = []
    for cluster, results in zip(where.clusters, applied, strict=True):
        documents = [
            {
                "kind": manifest.kind,
                "namespace": _namespace(manifest, namespace, result),
                "name": manifest.name,
                **told(cluster, result[1]),
            }
            for manifest, result in zip(manifests, results, strict=True)
        ]
        status = common_status(document["status"] for document in documents)
        parts.append({"cluster": cluster.name, "status": status, "documents": documents})
    written = [
        (cluster, result)
        for cluster, results in zip(where.clusters, applied, strict=True)
        for _, result in results
    ]
    return results_answer(parts, cursor_header(written))


async def _in_cluster(
    request: web.Request,
    cluster: Cluster,
    manifests: Sequence[Manifest],
    namespace: str,
    params: Mapping[str, str],
) -> list[AppliedManifest]:
    dry_run = is_dry_run(params)
    try:
        if not dry_run:
            check_writable(request, cluster.name)
        results = await apply(cluster, manifests, namespace, params)
    except Problem as problem:
        results = [(None, refused(problem))] * len(manifests)
    except Exception:
        results = [(None, fault(cluster))] * len(manifests)
    for manifest, (resource, result) in zip(manifests, results, strict=True):
        audit.write(
            request,
            "apply",
            cluster=cluster.name,
            resource=resource.name if resource is not None else f"{manifest.api_version}/{manifest.kind}",
            namespace=_namespace(manifest, namespace, (resource, result)) or "",
            name=manifest.name,
            status=result.status,
            reason=result.reason if isinstance(result, Failed) else "",
            dry_run=dry_run,
        )
    return results


def _namespace(manifest: Manifest, namespace: str, applied: AppliedManifest) -> Any:
    """Where it is; what is not in a namespace says None."""
    resource = applied[0]
    named = manifest.namespace or namespace
    return (named or None) if resource is None or resource.namespaced else None
