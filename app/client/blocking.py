"""The same client for code that does not await: a loop in a thread of its own does."""

import asyncio
import functools
import ssl
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from app.client.fleet import AsyncFleet
from app.client.informer import Informer, Key
from app.client.objects import Object

P = ParamSpec("P")
T = TypeVar("T")


class Known(Mapping[Key, Object]):
    """What an `Informer` knows, which another thread keeps in step."""

    def __init__(self, informer: Informer, wait: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._informer = informer
        self._wait = wait

    @property
    def clusters(self) -> Mapping[str, str]:
        """The states of the clusters by their names, as far as these were told."""
        return self._informer.clusters

    def synced(self) -> None:
        """Wait until all that there was in the beginning is here. Raises FleetError where that cannot be."""
        self._wait(self._informer.synced())

    def __getitem__(self, key: Key) -> Object:
        return self._informer[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._informer)

    def __len__(self) -> int:
        return len(self._informer)


def _awaited(
    method: Callable[Concatenate[AsyncFleet, P], Coroutine[Any, Any, T]],
) -> "Callable[Concatenate[Fleet, P], T]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._await(method(self._fleet, *args, **kwargs))

    return call


def _iterated(
    method: Callable[Concatenate[AsyncFleet, P], AsyncIterable[T]],
) -> "Callable[Concatenate[Fleet, P], Iterator[T]]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._each(method(self._fleet, *args, **kwargs))

    return call


def _entered(
    method: Callable[Concatenate[AsyncFleet, P], Informer],
) -> "Callable[Concatenate[Fleet, P], AbstractContextManager[Known]]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[Known]:
        return self._kept(method(self._fleet, *args, **kwargs))

    return call


class Fleet:
    """`AsyncFleet` without await: methods block until they are done, ``watch`` and ``logs`` are iterators.

    A handler of an informer is called in another thread. To be closed, or used with ``with``.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, verify: ssl.SSLContext | bool = True
    ) -> None:
        self._fleet = AsyncFleet(url, token, verify=verify)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="k8s-mcp client", daemon=True)
        self._thread.start()

    list = _awaited(AsyncFleet.list)
    get = _awaited(AsyncFleet.get)
    text = _awaited(AsyncFleet.text)
    events = _awaited(AsyncFleet.events)
    clusters = _awaited(AsyncFleet.clusters)
    resources = _awaited(AsyncFleet.resources)
    logs = _iterated(AsyncFleet.logs)
    watch = _iterated(AsyncFleet.watch)
    informer = _entered(AsyncFleet.informer)
    apply = _awaited(AsyncFleet.apply)
    create = _awaited(AsyncFleet.create)
    patch = _awaited(AsyncFleet.patch)
    replace = _awaited(AsyncFleet.replace)
    delete = _awaited(AsyncFleet.delete)
    scale = _awaited(AsyncFleet.scale)
    restart = _awaited(AsyncFleet.restart)

    @property
    def url(self) -> str:
        return self._fleet.url

    @property
    def written(self) -> str:
        """The cursor of the last write, for ``after=`` of reads of another server."""
        return self._fleet.written

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._await(self._fleet.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()  # of use where it is we who were interrupted
            raise

    def _each(self, source: AsyncIterable[T]) -> Iterator[T]:
        items = aiter(source)
        try:
            while True:
                try:
                    yield self._await(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            if not self._loop.is_closed():
                self._await(_end(items))

    @contextmanager
    def _kept(self, informer: Informer) -> Iterator[Known]:
        self._await(informer.__aenter__())
        try:
            yield Known(informer, self._await)
        except BaseException as error:
            self._await(informer.__aexit__(type(error), error, None))
            raise
        self._await(informer.__aexit__(None, None, None))


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)


async def _end(items: AsyncIterator[T]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
