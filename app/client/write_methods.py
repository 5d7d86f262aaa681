"""The client's writes, to one cluster or to several at once."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, overload

from app import jsontext
from app.client.api_session import ApiSession, Names, path_segment, query_parameters
from app.client.kube_object import Object, Results

Manifest = Mapping[str, Any]
Several = list[str] | tuple[str, ...]
PatchKind = Literal["merge", "strategic", "json", "apply"]

JSON, YAML = "application/json", "application/yaml"
_PATCHES: Mapping[str, str] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


class Options(TypedDict, total=False):
    """The options of every write: the ``namespace``, whether to only validate it (dry run), and the name of
    the field manager."""

    namespace: str | None
    dry_run: bool
    field_manager: str | None


class ForceOptions(Options, total=False):
    """``force`` takes over fields that others manage."""

    force: bool


class DeleteOptions(TypedDict, total=False):
    """``propagation_policy`` is Kubernetes' (Foreground, Background, Orphan), the grace period in seconds."""

    namespace: str | None
    dry_run: bool
    propagation_policy: str | None
    grace_period_seconds: int | None


class WriteMethods:
    """``cluster`` may be left out only where there is just one. A name, and the answer is the object;
    a list of names, or ``["*"]`` for all clusters, and it is a result for each.

    ``written`` is the cursor of the last write, for ``after=`` of reads of another server.
    """

    def __init__(self, session: ApiSession) -> None:
        self.written = ""
        self._session = session

    async def apply(
        self,
        manifests: str | bytes | Manifest | Sequence[Manifest],
        *,
        cluster: Names | None = None,
        **options: Unpack[ForceOptions],
    ) -> Results:
        """Server-side apply of YAML, of an object or of several: always a result per cluster, with its
        ``documents``. ``namespace`` is for those that name none."""
        if isinstance(manifests, str | bytes):
            body, kind = manifests.encode() if isinstance(manifests, str) else manifests, YAML
        else:
            body, kind = jsontext.encode(manifests), JSON
        answer = await self._answer("POST", "/apply", _params(cluster, options), body, kind)
        return Results(map(Object, answer["results"]))

    @overload
    async def create(
        self, resource: str, manifest: Manifest, *, cluster: str | None = None, **options: Unpack[Options]
    ) -> Object: ...
    @overload
    async def create(
        self, resource: str, manifest: Manifest, *, cluster: Several, **options: Unpack[Options]
    ) -> Results: ...
    async def create(
        self, resource: str, manifest: Manifest, *, cluster: Names | None = None, **options: Unpack[Options]
    ) -> Object | Results:
        """Create an object."""
        return await self._write(
            "POST", f"/{path_segment(resource)}", cluster, options, jsontext.encode(manifest)
        )

    @overload
    async def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        *,
        kind: PatchKind = "merge",
        cluster: str | None = None,
        **options: Unpack[ForceOptions],
    ) -> Object: ...
    @overload
    async def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        *,
        kind: PatchKind = "merge",
        cluster: Several,
        **options: Unpack[ForceOptions],
    ) -> Results: ...
    async def patch(
        self,
        resource: str,
        name: str,
        patch: Any,
        *,
        kind: PatchKind = "merge",
        cluster: Names | None = None,
        **options: Unpack[ForceOptions],
    ) -> Object | Results:
        """Change an object: members to merge, a strategic merge patch, operations (RFC 6902), or server-side
        apply of what this manager wants of it."""
        if kind not in _PATCHES:
            raise ValueError(f"kind: {kind!r} is not accepted; accepted is one of {', '.join(_PATCHES)}")
        path = f"/{path_segment(resource)}/{path_segment(name)}"
        return await self._write("PATCH", path, cluster, options, jsontext.encode(patch), _PATCHES[kind])

    @overload
    async def replace(
        self,
        resource: str,
        name: str,
        manifest: Manifest,
        *,
        cluster: str | None = None,
        **options: Unpack[Options],
    ) -> Object: ...
    @overload
    async def replace(
        self, resource: str, name: str, manifest: Manifest, *, cluster: Several, **options: Unpack[Options]
    ) -> Results: ...
    async def replace(
        self,
        resource: str,
        name: str,
        manifest: Manifest,
        *,
        cluster: Names | None = None,
        **options: Unpack[Options],
    ) -> Object | Results:
        """Put an object in place of the one of its name."""
        path = f"/{path_segment(resource)}/{path_segment(name)}"
        return await self._write("PUT", path, cluster, options, jsontext.encode(manifest))

    @overload
    async def delete(
        self, resource: str, name: str, *, cluster: str | None = None, **options: Unpack[DeleteOptions]
    ) -> Object: ...
    @overload
    async def delete(
        self, resource: str, name: str, *, cluster: Several, **options: Unpack[DeleteOptions]
    ) -> Results: ...
    async def delete(
        self, resource: str, name: str, *, cluster: Names | None = None, **options: Unpack[DeleteOptions]
    ) -> Object | Results:
        """Delete an object; the answer is the object as it was, or Kubernetes' Status."""
        return await self._write(
            "DELETE", f"/{path_segment(resource)}/{path_segment(name)}", cluster, options
        )

    @overload
    async def scale(
        self,
        resource: str,
        name: str,
        replicas: int,
        *,
        cluster: str | None = None,
        **options: Unpack[Options],
    ) -> Object: ...
    @overload
    async def scale(
        self, resource: str, name: str, replicas: int, *, cluster: Several, **options: Unpack[Options]
    ) -> Results: ...
    async def scale(
        self,
        resource: str,
        name: str,
        replicas: int,
        *,
        cluster: Names | None = None,
        **options: Unpack[Options],
    ) -> Object | Results:
        """Set the number of replicas of a workload."""
        path = f"/{path_segment(resource)}/{path_segment(name)}/scale"
        return await self._write("POST", path, cluster, options, jsontext.encode({"replicas": replicas}))

    @overload
    async def restart(
        self, resource: str, name: str, *, cluster: str | None = None, **options: Unpack[Options]
    ) -> Object: ...
    @overload
    async def restart(
        self, resource: str, name: str, *, cluster: Several, **options: Unpack[Options]
    ) -> Results: ...
    async def restart(
        self, resource: str, name: str, *, cluster: Names | None = None, **options: Unpack[Options]
    ) -> Object | Results:
        """Restart a workload, as ``kubectl rollout restart`` does."""
        return await self._write(
            "POST", f"/{path_segment(resource)}/{path_segment(name)}/restart", cluster, options
        )

    async def _write(
        self,
        method: str,
        path: str,
        cluster: Names | None,
        options: Mapping[str, Any],
        body: bytes | None = None,
        content_type: str = JSON,
    ) -> Object | Results:
        answer = await self._answer(method, path, _params(cluster, options), body, content_type)
        return Results(map(Object, answer["results"])) if "results" in answer else Object(answer)

    async def _answer(
        self, method: str, path: str, params: Mapping[str, str], body: bytes | None, content_type: str
    ) -> Any:
        answer, cursor = await self._session.ask(method, path, params, body, content_type)
        self.written = cursor or self.written
        for result in answer.get("results") or ():
            for entry in (result, *result.get("documents", ())):
                for text in entry.get("warnings", ()):
                    self._session.warn(result["cluster"], text)
        return answer


def _params(cluster: Names | None, options: Mapping[str, Any]) -> dict[str, str]:
    rest = dict(options)
    return query_parameters(
        cluster=cluster,
        namespace=rest.pop("namespace", None),
        dryRun="All" if rest.pop("dry_run", False) else None,
        fieldManager=rest.pop("field_manager", None),
        force=rest.pop("force", False) or None,
        propagationPolicy=rest.pop("propagation_policy", None),
        gracePeriodSeconds=rest.pop("grace_period_seconds", None),
    )
