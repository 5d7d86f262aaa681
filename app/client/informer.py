"""A mapping of objects that is kept in step with the clusters."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self

from app.client.kube_object import Object
from app.client.watch_loop import Event

Key = tuple[str, str, str]
Handler = Callable[[Event], Awaitable[None] | None]

WAITS_FOR_ITSELF = "a handler cannot wait for synced(): no further event comes until the handler returns"


class Informer(Mapping[Key, Object]):
    """Objects by cluster, namespace ("" for cluster-scoped ones) and name, kept in step with the clusters.

    It is in step from ``async with`` until that ends. ``clusters`` are the states of the clusters by name, as
    far as they are known. A handler may be a coroutine function: the next event waits until it is done. A
    handler that raises, or a watch that cannot be resumed, ends the informer: `synced` and leaving ``async
    with`` raise that error.
    """

    def __init__(self, events: AsyncGenerator[Event, None], handler: Handler | None) -> None:
        self.clusters: dict[str, str] = {}
        self._objects: dict[Key, Object] = {}
        self._events = events
        self._handler = handler
        self._synced = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    def __getitem__(self, key: Key) -> Object:
        return self._objects[key]

    def __iter__(self) -> Iterator[Key]:
        return iter([*self._objects])  # it may change meanwhile

    def __len__(self) -> int:
        return len(self._objects)

    async def synced(self) -> None:
        """Wait until all objects that exist at the beginning are here.

        Raises FleetError where that cannot be, RuntimeError in a handler, which would wait for itself.
        """
        assert self._following is not None, "an informer is used with async with"
        if asyncio.current_task() is self._following:
            raise RuntimeError(WAITS_FOR_ITSELF)
        waiting = asyncio.ensure_future(self._synced.wait())
        await asyncio.wait({waiting, self._following}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._following.cancelled():
            raise RuntimeError("this informer has ended; enter another one")
        if self._following.done():
            self._following.result()

    def call_handler_with(self, call: Callable[[Handler, Event], Awaitable[None]]) -> None:
        """Let ``call`` run the handler, if there is one, for each event."""
        handler = self._handler
        if handler is not None:
            self._handler = lambda event: call(handler, event)

    async def __aenter__(self) -> Self:
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._following is not None
        self._following.cancel()
        (ended,) = await asyncio.gather(self._following, return_exceptions=True)
        if error is None and isinstance(ended, Exception):
            raise ended

    async def _follow(self) -> None:
        async with aclosing(self._events) as events:
            async for event in events:
                self._take(event)
                if self._handler is not None:
                    result = self._handler(event)
                    if inspect.isawaitable(result):
                        await result

    def _take(self, event: Event) -> None:
        key = event.cluster, event.namespace, event.name
        match event.type:
            case "ADDED" | "MODIFIED":
                assert event.object is not None
                self._objects[key] = event.object
            case "DELETED":
                self._objects.pop(key, None)
            case "RESET":
                self._forget(event.cluster)
            case "CLUSTER":
                self.clusters[event.cluster] = event.state
            case "SYNCED":
                self.clusters = {cluster["name"]: cluster["state"] for cluster in event.clusters}
                self._synced.set()

    def _forget(self, cluster: str) -> None:
        for key in [*self._objects]:
            if cluster in ("", key[0]):
                del self._objects[key]
