"""A Kubernetes API server as the contract tests use it: a real one, or a simulated one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from tests.builders import config_map, crd

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """``body`` is decoded where it is JSON, else text."""

    status: int
    content_type: str
    retry_after: str | None
    body: Any

    @property
    def version(self) -> str:
        """The resourceVersion of the list or object."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def names(self) -> list[str]:
        """Those of a list's items, in their order."""
        return [item["metadata"]["name"] for item in self.body["items"]]


class Events:
    """What a watch sends, one by one."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any]:
        """The next event; fails where the watch has ended."""
        async with asyncio.timeout(SECONDS):
            line = await self._response.content.readline()
        assert line.endswith(b"\n"), f"the watch ended with {line!r}"
        event: dict[str, Any] = orjson.loads(line)
        return event

    async def rest(self) -> list[dict[str, Any]]:
        """What comes until the watch ends."""
        async with asyncio.timeout(SECONDS):
            body = await self._response.content.read()
        return [orjson.loads(line) for line in body.splitlines()]


@dataclass
class Api:
    """``namespace`` is the test's own. ``forget``: have the server forget all versions before the present."""

    session: aiohttp.ClientSession
    url: str
    token: str
    namespace: str
    forget: Callable[[], Awaitable[None]]
    tls: ssl.SSLContext | bool = True
    definitions: list[str] = field(default_factory=list)

    def path(self, plural: str, name: str = "", group: str = "") -> str:
        """Of a collection in the test's namespace, or of an object there."""
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON,
        accept: str = JSON,
        token: str | None = None,
        **params: str,
    ) -> Answer:
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = {
            "Authorization": f"Bearer {token or self.token}",
            "Content-Type": content_type,
            "Accept": accept,
        }
        async with self.session.request(
            method, self.url + path, data=data, headers=headers, params=params, ssl=self.tls
        ) as response:
            text = await response.read()
            plain = response.headers["Content-Type"].startswith("text/plain")
            return Answer(
                response.status,
                response.headers["Content-Type"],
                response.headers.get("Retry-After"),
                text.decode() if plain else orjson.loads(text),
            )

    async def get(self, path: str, **params: str) -> Answer:
        return await self.request("GET", path, **params)

    async def create(self, path: str, body: object, **params: str) -> Any:
        """The object as it was created."""
        answer = await self.request("POST", path, body, **params)
        assert answer.status == 201, answer.body
        return answer.body

    async def patch(self, path: str, body: object, content_type: str = MERGE, **params: str) -> Any:
        """The object as it is then."""
        answer = await self.request("PATCH", path, body, content_type=content_type, **params)
        assert answer.status in (200, 201), answer.body
        return answer.body

    async def delete(self, path: str, body: object = None, **params: str) -> Any:
        answer = await self.request("DELETE", path, body, **params)
        assert answer.status == 200, answer.body
        return answer.body

    @asynccontextmanager
    async def watch(self, path: str, **params: str) -> AsyncIterator[Events]:
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"}
        query = {"watch": "1", **params}
        async with self.session.get(self.url + path, headers=headers, params=query, ssl=self.tls) as response:
            assert response.status == 200, await response.text()
            yield Events(response)

    async def config_maps(self, *names: str, **metadata: object) -> list[Any]:
        return [await self.create(self.path("configmaps"), data_map(name, **metadata)) for name in names]

    async def define(self, plural: str = "widgets", kind: str = "Widget") -> str:
        """Define a kind of the test's own and wait until it is served; returns its group and version."""
        group = f"{self.namespace}.example.com"
        definition = crd(plural, kind, group, short_names=["wd"], subresources={"status": {}})
        self.definitions.append(f"{plural}.{group}")
        await self.create(DEFINITIONS, definition)
        await self.until(self.path(plural, group=f"{group}/v1"), 200)
        return f"{group}/v1"

    async def until(self, path: str, status: int) -> Answer:
        """The first answer with that status."""
        async with asyncio.timeout(SECONDS):
            # There is nothing else to wait on: a kind is served some time after its definition says so.
            while (answer := await self.get(path)).status != status:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return answer


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


TWO_CONTAINERS = {"main": "nginx:1.27", "side": "envoy"}


def data_map(name: str, **metadata: object) -> dict[str, Any]:
    """A config map that holds ``a: "1"``, with further metadata."""
    body = config_map(name, None, data={"a": "1"})
    return {**body, "metadata": {**body["metadata"], **metadata}}
