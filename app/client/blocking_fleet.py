"""The client for code that does not await: its event loop runs in a thread of its own."""

import asyncio
import atexit
import ctypes
import functools
import os
import ssl
import threading
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from app.client.api_session import WarningHandler
from app.client.async_fleet import AsyncFleet
from app.client.informer import WAITS_FOR_ITSELF, Handler, Informer, Key
from app.client.kube_object import Object
from app.client.loop_thread import LoopThread, close_iterator
from app.client.watch_loop import Event

P = ParamSpec("P")
T = TypeVar("T")


class Known(Mapping[Key, Object]):
    """The objects of an `Informer`, for other threads than its own."""

    def __init__(self, informer: Informer, handlers: "_Handlers", wait: Callable[..., None]) -> None:
        self._informer = informer
        self._handlers = handlers
        self._wait = wait

    @property
    def clusters(self) -> Mapping[str, str]:
        """The states of the clusters by name, as far as they are known."""
        return self._informer.clusters

    def synced(self) -> None:
        """Wait until all objects that exist at the beginning are here.

        Raises FleetError where that cannot be, RuntimeError in a handler, which would wait for itself.
        """
        if self._handlers.is_current:
            raise RuntimeError(WAITS_FOR_ITSELF)
        self._wait(self._informer.synced())

    def __getitem__(self, key: Key) -> Object:
        return self._informer[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._informer)

    def __len__(self) -> int:
        return len(self._informer)


class _Handlers:
    """A thread that runs the handler of one informer, an event after the other.

    It is not that of the client's event loop, so that a handler may use the client.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "k8s-mcp handler")
        self._thread: int | None = None

    @property
    def is_current(self) -> bool:
        return threading.get_ident() == self._thread

    def call(self, handler: Handler, event: Event) -> Awaitable[None]:
        return asyncio.get_running_loop().run_in_executor(self._executor, self._run, handler, event)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, handler: Handler, event: Event) -> None:
        self._thread = threading.get_ident()
        try:
            result = handler(event)
        except Exception:
            raise
        except BaseException as error:
            # SystemExit and the like would end the client's loop without a word.
            raise RuntimeError(f"the handler ended with {error!r}") from error
        if asyncio.iscoroutine(result):
            result.close()
            raise TypeError("the handler must be a plain function; coroutine functions are for AsyncFleet")


def _awaited(
    method: Callable[Concatenate[AsyncFleet, P], Coroutine[Any, Any, T]],
) -> "Callable[Concatenate[Fleet, P], T]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._running().run(method(self._fleet, *args, **kwargs))

    return call


def _iterated(
    method: Callable[Concatenate[AsyncFleet, P], AsyncIterable[T]],
) -> "Callable[Concatenate[Fleet, P], Iterator[T]]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._iterate(method(self._fleet, *args, **kwargs))

    return call


def _entered(
    method: Callable[Concatenate[AsyncFleet, P], Informer],
) -> "Callable[Concatenate[Fleet, P], AbstractContextManager[Known]]":
    @functools.wraps(method)
    def call(self: "Fleet", /, *args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[Known]:
        return self._enter(method(self._fleet, *args, **kwargs))

    return call


_FLEETS: "weakref.WeakSet[Fleet]" = weakref.WeakSet()


class Fleet:
    """`AsyncFleet` without await: methods block until they are done, ``watch`` and ``logs`` are iterators.

    A handler of an informer is called in another thread, and may use the client. To be closed, or used
    with ``with``; used after that, it raises RuntimeError. A process that forks may go on using it on
    both sides, but for the iterators and informers that the child inherits.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        verify: ssl.SSLContext | bool = True,
        warned: WarningHandler | None = None,
    ) -> None:
        self._new = functools.partial(AsyncFleet, url, token, verify=verify, warned=warned)
        self._fleet = self._new()
        self._loop: LoopThread | None = None
        self._starting = threading.Lock()
        self._closed = False
        _FLEETS.add(self)

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
        """The URL of the server."""
        return self._fleet.url

    @property
    def written(self) -> str:
        """The cursor of the last write, for ``after=`` of reads of another server."""
        return self._fleet.written

    def close(self) -> None:
        """Cancel what still runs, and close all connections."""
        self._closed = True
        if self._loop is not None:
            loop, self._loop = self._loop, None
            loop.close(self._fleet.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> LoopThread:
        if self._closed:
            raise RuntimeError("this client is closed; make another one")
        with self._starting:
            self._loop = self._loop or LoopThread()
            return self._loop

    def _iterate(self, source: AsyncIterable[T]) -> Iterator[T]:
        loop = self._running()
        items = aiter(source)
        loop.iterators.add(items)
        try:
            while True:
                try:
                    yield loop.run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            loop.iterators.discard(items)
            loop.finish(close_iterator(items))

    @contextmanager
    def _enter(self, informer: Informer) -> Iterator[Known]:
        loop, handlers = self._running(), _Handlers()
        informer.call_handler_with(handlers.call)
        loop.run(informer.__aenter__())
        try:
            yield Known(informer, handlers, loop.run)
        except BaseException as error:
            loop.finish(informer.__aexit__(type(error), error, None))
            raise
        else:
            loop.finish(informer.__aexit__(None, None, None))
        finally:
            handlers.close()

    def _reset_after_fork(self) -> None:
        """Start anew in a forked process, and leave the loop and the connections to the parent."""
        if self._loop is not None:
            self._loop.disown()
            # Their finalizers would end TLS sessions and change an epoll set that the parent goes on using.
            for inherited in (self._loop, self._fleet):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
        written, self._fleet, self._loop = self._fleet.written, self._new(), None
        self._fleet.written = written
        self._starting = threading.Lock()  # another thread may have held it


def _reset_all_after_fork() -> None:
    for fleet in [*_FLEETS]:
        fleet._reset_after_fork()


os.register_at_fork(after_in_child=_reset_all_after_fork)


@atexit.register
def _abandon_all() -> None:
    """Wait for no loop any more at the end of the interpreter: its thread does not run then."""
    for fleet in [*_FLEETS]:
        if fleet._loop is not None:
            fleet._loop.abandon()


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)
