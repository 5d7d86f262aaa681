"""All clusters behind one server, for asyncio."""

import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence
from types import TracebackType
from typing import Literal, Self

from app.client.api_session import Calls, Names, Warned, part, query
from app.client.informer import Handler, Informer
from app.client.kube_object import Object, Objects, Text
from app.client.log_stream import Logs
from app.client.watch_loop import Event, watch
from app.client.write_methods import Writing


class AsyncFleet(Writing):
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
        warned: Warned | None = None,
    ) -> None:
        super().__init__(Calls(url, token, verify, warned))

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self._calls.url

    async def close(self) -> None:
        """Close the connections to the server; nothing can be asked afterwards."""
        await self._calls.close()

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
        """The objects of a resource.

        ``field_selector`` may be on any path, ``fields`` are the paths wanted. ``page`` is
        ``next_page`` of a list that had a ``limit``, ``after`` a cursor that must have been seen.
        """
        params = query(
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
        return await self._objects(f"/{part(resource)}", params)

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
        """One object, wherever it is. FleetError 404 where it is nowhere, 409 where there are several."""
        params = query(cluster=cluster, namespace=namespace, fields=fields, after=after)
        answer, _ = await self._calls.ask("GET", f"/{part(resource)}/{part(name)}", params)
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
        """The same list as kubectl prints it: much less to send than the objects."""
        params = query(
            format=form,
            cluster=cluster,
            namespace=namespace,
            labelSelector=label_selector,
            fieldSelector=field_selector,
        )
        async with self._calls.open("GET", f"/{part(resource)}", params) as answer:
            found = Text(await answer.text())
            states = answer.headers.get("X-Clusters", "")
        found.behind = dict(each.split("=", 1) for each in states.split(",") if "=" in each)
        return found

    async def events(
        self, resource: str, name: str, *, cluster: str | None = None, namespace: str | None = None
    ) -> Objects:
        """The events of an object, the latest last."""
        path = f"/{part(resource)}/{part(name)}/events"
        return await self._objects(path, query(cluster=cluster, namespace=namespace))

    async def clusters(self) -> Sequence[Object]:
        """The clusters, and how each of them is."""
        answer, _ = await self._calls.ask("GET", "/clusters", {})
        return [Object(each) for each in answer["clusters"]]

    async def resources(self) -> Sequence[Object]:
        """What can be asked for, and which clusters serve it."""
        answer, _ = await self._calls.ask("GET", "/resources", {})
        return [Object(each) for each in answer["resources"]]

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
        params = query(
            cluster=cluster,
            namespace=namespace,
            container=container,
            follow=follow or None,
            previous=previous or None,
            tailLines=tail_lines,
            sinceSeconds=since_seconds,
        )
        return Logs(self._calls, f"/{part(resource)}/{part(name)}/logs", params)

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
        params = query(
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
        return watch(self._calls, params, cursor or "")

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
        answer, cursor = await self._calls.ask("GET", path, params)
        return Objects(
            map(Object, answer["items"]),
            answer["metadata"].get("resourceVersion") or cursor,
            map(Object, answer["clusters"]),
            answer["metadata"].get("continue", ""),
        )
