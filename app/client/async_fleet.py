"""All clusters behind one server, for asyncio."""

import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence
from types import TracebackType
from typing import Literal, Self

from app.client.api_session import ApiSession, Names, WarningHandler, path_segment, query_parameters
from app.client.informer import Handler, Informer
from app.client.kube_object import Object, Objects, Text
from app.client.log_stream import Logs
from app.client.watch_loop import Event, watch
from app.client.write_methods import WriteMethods


class AsyncFleet(WriteMethods):
    """A client of the server at ``url``, which presents ``token``.

    Left out, they are K8S_MCP_URL and K8S_MCP_TOKEN, then http://127.0.0.1:8000 and none.
    ``verify`` is how TLS is checked, False for not at all. ``warned`` is called with the cluster and the
    text where an API server warns about a write; left out, it is logged. To be closed, or used with
    ``async with``. What goes wrong is a FleetError.

    Everywhere, ``resource`` is what kubectl takes (``pods``, ``deploy``,
    ``certificates.cert-manager.io``); ``cluster`` and ``namespace`` are a name or several,
    all where they are left out.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        verify: ssl.SSLContext | bool = True,
        warned: WarningHandler | None = None,
    ) -> None:
        super().__init__(ApiSession(url, token, verify, warned))

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self._session.url

    async def close(self) -> None:
        """Close the connections to the server; nothing can be asked afterwards."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    # Reading

    async def list(
        self,
        resource: str,
        *,
        cluster: Names | None = None,
        namespace: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        fields: Names | None = None,
        sort: Names | None = None,
        limit: int | None = None,
        page: str | None = None,
        after: str | None = None,
    ) -> Objects:
        """List the objects of a resource. Raises FleetError.

        ``field_selector`` may use any path, ``fields`` are the paths to return. ``page`` is ``next_page`` of
        a list that had a ``limit``; the list includes all changes up to the cursor ``after``.
        """
        params = query_parameters(
            cluster=cluster,
            namespace=namespace,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            fields=fields,
            sort=sort,
            limit=limit,
            after=after,
            **{"continue": page},
        )
        return await self._objects(f"/{path_segment(resource)}", params)

    async def get(
        self,
        resource: str,
        name: str,
        *,
        cluster: Names | None = None,
        namespace: Names | None = None,
        fields: Names | None = None,
        after: str | None = None,
    ) -> Object:
        """Return the one object of this name. FleetError 404 where there is none, 409 where there are
        several."""
        params = query_parameters(cluster=cluster, namespace=namespace, fields=fields, after=after)
        answer, _ = await self._session.ask("GET", f"/{path_segment(resource)}/{path_segment(name)}", params)
        return Object(answer)

    async def text(
        self,
        resource: str,
        form: Literal["table", "wide", "name"] = "table",
        *,
        cluster: Names | None = None,
        namespace: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Text:
        """List a resource as kubectl prints it, which is much smaller than the objects. Raises FleetError."""
        params = query_parameters(
            format=form,
            cluster=cluster,
            namespace=namespace,
            labelSelector=label_selector,
            fieldSelector=field_selector,
        )
        async with self._session.open("GET", f"/{path_segment(resource)}", params) as answer:
            text = Text(await answer.text())
            states = answer.headers.get("X-Clusters", "")
        text.behind = dict(each.split("=", 1) for each in states.split(",") if "=" in each)
        return text

    async def events(
        self, resource: str, name: str, *, cluster: str | None = None, namespace: str | None = None
    ) -> Objects:
        """List the Events of an object, the latest last. Raises FleetError."""
        path = f"/{path_segment(resource)}/{path_segment(name)}/events"
        return await self._objects(path, query_parameters(cluster=cluster, namespace=namespace))

    async def clusters(self) -> Sequence[Object]:
        """Return the clusters and their states. Raises FleetError."""
        answer, _ = await self._session.ask("GET", "/clusters", {})
        return [Object(cluster) for cluster in answer["clusters"]]

    async def resources(self) -> Sequence[Object]:
        """Return the resources and the clusters that serve each. Raises FleetError."""
        answer, _ = await self._session.ask("GET", "/resources", {})
        return [Object(resource) for resource in answer["resources"]]

    def logs(
        self,
        resource: str,
        name: str,
        *,
        cluster: Names | None = None,
        namespace: str | None = None,
        container: str | None = None,
        follow: bool = False,
        previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
    ) -> Logs:
        """The log of a pod, or those of all pods of a workload.

        ``async for line in …`` gives its lines, ``await …`` all of the text. Where there are
        several containers, each line says which in front.
        """
        params = query_parameters(
            cluster=cluster,
            namespace=namespace,
            container=container,
            follow=follow or None,
            previous=previous or None,
            tailLines=tail_lines,
            sinceSeconds=since_seconds,
        )
        return Logs(self._session, f"/{path_segment(resource)}/{path_segment(name)}/logs", params)

    # Following

    def watch(
        self,
        resource: str | Iterable[str],
        *,
        cursor: str | None = None,
        cluster: Names | None = None,
        namespace: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        fields: Names | None = None,
        history: Literal["latest", "full"] = "latest",
        initial: bool = True,
        shape: Literal["object", "table"] = "object",
    ) -> AsyncGenerator[Event, None]:
        """Every change of a resource, or of several, for ever: it reconnects, and goes on where it was.

        It begins with what there is, or after ``cursor`` with what changed since; without
        ``initial``, with neither. See `Event` for what comes. ``history="full"`` brings
        every transition that the server saw, ``shape="table"`` rows in place of objects.
        What cannot heal is a FleetError.
        """
        params = query_parameters(
            resource=resource,
            cluster=cluster,
            namespace=namespace,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            fields=fields,
            history=history,
            initial="all" if initial else "none",
            shape=shape,
        )
        return watch(self._session, params, cursor or "")

    def informer(
        self,
        resource: str,
        *,
        cluster: Names | None = None,
        namespace: Names | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        fields: Names | None = None,
        handler: Handler | None = None,
    ) -> Informer:
        """``async with fleet.informer("pods") as known:``, a mapping that is kept in step.

        ``handler`` is called with each event, once the mapping has it.
        """
        events = self.watch(
            resource,
            cluster=cluster,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            fields=fields,
        )
        return Informer(events, handler)

    async def _objects(self, path: str, params: dict[str, str]) -> Objects:
        answer, cursor = await self._session.ask("GET", path, params)
        return Objects(
            map(Object, answer["items"]),
            answer["metadata"].get("resourceVersion") or cursor,
            map(Object, answer["clusters"]),
            answer["metadata"].get("continue", ""),
        )
