"""A connection whose answers a test writes down, and a sink that remembers what it was told."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from app.kube.client import Connection
from app.kube.discovery.api_resource import Resource
from app.kube.reflector import Health, Reflector
from app.kube.wire.unreadable import UnreadableObject
from app.kube.wire.wire_object import WireObject
from tests.builders import stored_pod

PODS = Resource("", "v1", "pods", "pod", "Pod", True)
HANG = 1e9
TIME_LIMIT = -1.0


@dataclass
class Listed:
    """What one GET is answered with, after ``seconds``."""

    body: bytes | Exception
    seconds: float = 0.0


@dataclass
class Watched:
    """What one watch is answered with: batches of lines (a number is a pause in seconds, or TIME_LIMIT),
    and then a clean end or an error. ``refused`` is raised in place of all that."""

    batches: Sequence[float | list[bytes]] = ()
    end: Exception | None = None
    refused: Exception | None = None


@dataclass
class Request:
    """``at`` and ``ended`` are the seconds at which it was made and its answer was over."""

    at: float
    path: str
    params: Mapping[str, str]
    ended: float = 0.0

    @property
    def watches(self) -> bool:
        return "watch" in self.params


@dataclass
class Script:
    """Stands for a Connection. Once the answers are used up, whoever asks waits for ever."""

    answers: list[Listed | Watched]
    requests: list[Request] = field(default_factory=list)
    used_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        timeout: float = 60.0,  # noqa: ASYNC109
        most: int = 0,
    ) -> bytes:
        request, answer = await self._next(path, params or {})
        assert isinstance(answer, Listed), f"a GET of {path} {params} where a watch was expected"
        await asyncio.sleep(answer.seconds)
        request.ended = asyncio.get_running_loop().time()
        if isinstance(answer.body, Exception):
            raise answer.body
        return answer.body

    def watch(
        self, path: str, params: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        return self._watch(path, params)

    @asynccontextmanager
    async def _watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        request, answer = await self._next(path, params)
        assert isinstance(answer, Watched), f"a watch of {path} {params} where a GET was expected"
        try:
            if answer.refused is not None:
                raise answer.refused
            yield self._batches(answer, float(params["timeoutSeconds"]))
        finally:
            request.ended = asyncio.get_running_loop().time()

    async def _batches(self, answer: Watched, limit: float) -> AsyncIterator[list[bytes]]:
        for batch in answer.batches:
            if isinstance(batch, list):
                yield batch
            else:
                await asyncio.sleep(limit if batch == TIME_LIMIT else batch)
        if answer.end is not None:
            raise answer.end

    async def _next(self, path: str, params: Mapping[str, str]) -> tuple[Request, Listed | Watched]:
        request = Request(asyncio.get_running_loop().time(), path, dict(params))
        self.requests.append(request)
        await asyncio.sleep(0)
        if not self.answers:
            self.used_up.set()
            await asyncio.Event().wait()
        return request, self.answers.pop(0)


class Memory:
    """A sink that holds what it is told, and a line of log for every call."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.states: list[tuple[float, str, str | None]] = []
        self.continued: list[bool] = []
        self.held: dict[str, int] = {}
        self.version = 0
        self._gathered: dict[str, int] = {}

    def gather(self, objects: Sequence[WireObject]) -> None:
        self._gathered |= {found.name: found.version for found in objects}

    def leave_out(self, unreadable: Sequence[UnreadableObject]) -> None:
        self.log += [f"left out {found.name}" for found in unreadable]

    def discard(self) -> None:
        self.log.append("discard")
        self._gathered = {}

    def swap(self, version: int, *, continues: bool) -> None:
        self.log.append(f"swap {version}")
        self.continued.append(continues)
        self.held, self._gathered = self._gathered, {}
        self.version = version

    def apply(self, kind: str, found: WireObject) -> None:
        self.log.append(f"{kind} {found.name} {found.version}")
        if kind == "DELETED":
            self.held.pop(found.name, None)
        else:
            self.held[found.name] = found.version
        self.version = found.version

    def spoil(self, kind: str, found: UnreadableObject) -> None:
        self.log.append(f"{kind} {found.name} spoilt")
        self.held.pop(found.name, None)

    def advance(self, version: int) -> None:
        self.log.append(f"advance {version}")
        self.version = version

    def report(self, health: Health) -> None:
        self.states.append((asyncio.get_running_loop().time(), health.state, health.error))
        if health.state in ("forbidden", "gone"):
            self.held = {}

    @property
    def health(self) -> list[str]:
        return [state for _, state, _ in self.states]


@dataclass
class Played:
    """A reflector that ran through a script."""

    reflector: Reflector
    sink: Memory
    requests: list[Request]

    def params(self, index: int) -> Mapping[str, str]:
        return self.requests[index].params

    def pause(self, index: int) -> float:
        """Seconds between the end of a request's answer and the next request, which is this."""
        return self.requests[index].at - self.requests[index - 1].ended


def reflector_of(
    script: Script,
    sink: Memory,
    *,
    relists: asyncio.Semaphore | None = None,
    namespace: str | None = None,
    pages_from_cache: bool = False,
    resource: Resource = PODS,
) -> Reflector:
    return Reflector(
        cast(Connection, script),
        resource,
        sink,
        namespace=namespace,
        pages_from_cache=pages_from_cache,
        relists=relists or asyncio.Semaphore(1),
        rng=random.Random(1),
    )


async def play(*answers: Listed | Watched) -> Played:
    """Run a reflector until it asks for more than the script has, or ends by itself."""
    script, sink = Script(list(answers)), Memory()
    reflector = reflector_of(script, sink)
    run = asyncio.create_task(reflector.run())
    end = asyncio.create_task(script.used_up.wait())
    await asyncio.wait((run, end), return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if run.done():
        run.result()
    run.cancel()
    await asyncio.gather(run, end, return_exceptions=True)
    assert not script.answers, "not all of the script was asked for"
    return Played(reflector, sink, script.requests)


# What a server says


def bare_pod(name: str, version: int, uid: str = "") -> dict[str, Any]:
    """What a reflector looks at, and nothing else."""
    made = stored_pod(name, "x", version)
    return {**made, "metadata": {**made["metadata"], "uid": uid or f"uid-{name}"}}


def page(
    version: int, *names: str, more: str = "", changed: int | None = None, uid: str = "", **spec: object
) -> Listed:
    """A page of a list; its objects changed last at that version, if not at the list's."""
    metadata = {"resourceVersion": str(version), "continue": more}
    items = [bare_pod(name, changed or version, uid) | ({"spec": spec} if spec else {}) for name in names]
    return Listed(json.dumps({"kind": "PodList", "metadata": metadata, "items": items}).encode())


def event(kind: str, name: str, version: int) -> bytes:
    return json.dumps({"type": kind, "object": bare_pod(name, version)}).encode()


def bookmark(version: int, *, end: bool = False) -> bytes:
    found: dict[str, Any] = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(version)}}
    if end:
        found["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
    return json.dumps({"type": "BOOKMARK", "object": found}).encode()


def error_event(code: int, reason: str, message: str = "no", **details: Any) -> bytes:
    status = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return json.dumps({"type": "ERROR", "object": status}).encode()
