"""An event loop in a thread of its own, for code that does not await."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread, which runs coroutines for other threads until it is closed.

    ``iterators`` are those that other threads have not iterated to the end.
    """

    def __init__(self) -> None:
        self.iterators: set[AsyncIterator[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._ended = ""
        # Reentrant, since garbage may be collected, and iterators in it finished, anywhere.
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="k8s-mcp client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; return its result, or raise its exception.

        Raises RuntimeError after the loop has ended, and in the loop's own thread.
        """
        with self._lock:
            if problem := self._ended or self._own_thread():
                work.close()
                raise RuntimeError(problem)
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return _result(running)
        except CancelledError:
            if self._ended:
                raise RuntimeError(self._ended) from None
            raise

    def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what cleans up: without waiting in the loop's own thread, where garbage may be collected
        too, and not at all when the loop has ended, which left nothing to clean up."""
        with self._lock:
            if self._ended:
                work.close()
                return
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        if self._own_thread():
            return
        try:
            _result(running)
        except CancelledError:
            if not self._ended:
                raise

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancel what still runs, run the coroutine ``last``, and end the thread."""
        with self._lock:
            self._ended = "this client is closed; make another one"
        _result(asyncio.run_coroutine_threadsafe(self._end(last), self._loop))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self, last: Coroutine[Any, Any, None]) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # One after the other: an iterator closes those that it iterates itself.
        for iterator in [*self.iterators]:
            await close_iterator(iterator)
        await last

    def abandon(self) -> None:
        """Stop waiting for the loop: the interpreter ends, and with it the thread."""
        with self._lock:
            self._ended = "the interpreter is ending"

    def disown(self) -> None:
        """Mark the loop as ended in a forked process: its thread runs in the parent only."""
        self._lock = threading.RLock()  # another thread may have held it
        self._ended = "this was begun before the process forked; begin it anew"

    def _own_thread(self) -> str:
        if threading.current_thread() is self._thread:
            return "this would wait for itself: it is called in the thread of the client"
        return ""


def _result(running: "Future[T]") -> T:
    try:
        return running.result()
    except BaseException:
        running.cancel()  # of use where it is the caller who was interrupted
        raise


async def close_iterator(iterator: AsyncIterator[Any]) -> None:
    """Close an async generator that is not iterated to its end; others are left alone."""
    close = getattr(iterator, "aclose", None)
    if close is not None:
        await close()
