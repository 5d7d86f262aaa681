"""Clients of streams that keep a map by the rules of the contract, and nothing else."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp

Key = tuple[str, str, str, str]
Frame = dict[str, Any]


class Known:
    """What a client knows: objects by cluster, resource, namespace and name."""

    def __init__(self) -> None:
        self.objects: dict[Key, Frame] = {}
        self.columns: dict[tuple[str, str], int] = {}
        self.cursor = ""
        self.frames: list[tuple[Any, ...]] = []

    def take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind != "BOOKMARK":
            self.frames.append(
                (kind, *(frame.get(name) for name in ("cluster", "resource", "name", "resourceVersion")))
            )
        if kind == "RESET":
            self._forget(frame)
        elif kind in ("ADDED", "MODIFIED"):
            self._put(frame)
        elif kind == "COLUMNS":
            self.columns[frame["cluster"], frame["resource"]] = len(frame["columns"])
        elif kind == "DELETED":
            self.objects.pop(_key(frame), None)
        elif kind in ("SYNCED", "BOOKMARK"):
            self.cursor = frame["cursor"]
        else:
            assert kind in ("CLUSTER", "ERROR"), frame

    def _forget(self, frame: Frame) -> None:
        for key in [*self.objects]:
            if frame.get("cluster") in (None, key[0]) and frame.get("resource") in (None, key[1]):
                del self.objects[key]
        for place in [*self.columns]:
            if frame.get("cluster") in (None, place[0]) and frame.get("resource") in (None, place[1]):
                del self.columns[place]

    def _put(self, frame: Frame) -> None:
        key = _key(frame)
        if "cells" in frame:
            assert len(frame["cells"]) == self.columns[frame["cluster"], frame["resource"]], frame
            assert frame["cells"][0] == frame["name"], frame
            self.objects[key] = {"metadata": {name: frame[name] for name in ("uid", "resourceVersion")}}
        elif "patch" in frame:
            held = self.objects[key]
            assert held["metadata"]["resourceVersion"] == frame["previousResourceVersion"], frame
            self.objects[key] = merged(held, frame["patch"])
        else:
            self.objects[key] = frame["object"]
        metadata = self.objects[key]["metadata"]
        assert (metadata["uid"], metadata["resourceVersion"]) == (frame["uid"], frame["resourceVersion"])


def _key(frame: Frame) -> Key:
    return frame["cluster"], frame["resource"], frame["namespace"], frame["name"]


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


async def lines(
    session: aiohttp.ClientSession, url: str, query: Mapping[str, str]
) -> AsyncGenerator[Frame, None]:
    async with session.get(f"{url}/stream", params=query) as answer:
        assert answer.status == 200, await answer.text()
        async for line in answer.content:
            yield json.loads(line)


async def events(
    session: aiohttp.ClientSession, url: str, query: Mapping[str, str]
) -> AsyncGenerator[Frame, None]:
    """Server-sent events; the cursor goes as Last-Event-ID, and comes with every one."""
    headers = {"Accept": "text/event-stream"}
    given = dict(query)
    if cursor := given.pop("cursor", None):
        headers["Last-Event-ID"] = cursor
    async with session.get(f"{url}/stream", params=given, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "text/event-stream"
        event: dict[str, str] = {}
        async for raw in answer.content:
            line = raw.decode().rstrip("\n")
            if line:
                field, _, value = line.partition(": ")
                event[field] = value
            elif "data" in event:
                frame = json.loads(event["data"])
                yield {**frame, "id": event["id"]} if frame["type"] != "ERROR" else frame
                event = {}
            else:
                event = {}


async def messages(
    session: aiohttp.ClientSession, url: str, query: Mapping[str, str]
) -> AsyncGenerator[Frame, None]:
    async with session.ws_connect(f"{url}/ws", compress=15, max_msg_size=0) as socket:
        await socket.send_json({"op": "subscribe", "id": "one", **query})
        async for message in socket:
            frame = message.json()
            assert frame.pop("id") == "one"
            yield frame


TRANSPORTS = {"lines": lines, "events": events, "messages": messages}


class Follower(Known):
    """Follows one of these servers at a time, is cut off, and comes back with its cursor.

    ``patience`` are the seconds that it may stay with one server, ``slow`` is how long it
    sleeps now and then.
    """

    def __init__(
        self, urls: list[str], query: Mapping[str, str], transport: str, rng: random.Random, *, slow: float
    ) -> None:
        super().__init__()
        self.urls = urls
        self.query = query
        self.restless = True
        self._transport = TRANSPORTS[transport]
        self._rng = rng
        self._slow = slow

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=2)
        async with aiohttp.ClientSession(timeout=timeout, read_bufsize=2**12) as session:
            while True:
                url = self._rng.choice(self.urls)
                # A stream sends patches of what it has sent itself, so this one begins anew.
                cursor = "" if "delta" in self.query else self.cursor
                query = dict(self.query) | ({"cursor": cursor} if cursor else {})
                self.frames.append(("CONNECT", url, cursor))
                stay = self._rng.choice((0.02, 0.1, 0.5)) if self.restless else 1000
                try:
                    async with asyncio.timeout(stay):
                        await self._follow(session, url, query)
                except (aiohttp.ClientError, TimeoutError, ConnectionError, json.JSONDecodeError):
                    pass
                await asyncio.sleep(0.01)

    async def _follow(self, session: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> None:
        async with aclosing(self._transport(session, url, query)) as frames:
            async for frame in frames:
                self.take(frame)
                # The cursor of an event is good even before SYNCED.
                self.cursor = frame.get("id", self.cursor)
                await self.dawdle()

    async def dawdle(self) -> None:
        """Who reads slowly does so now and then."""
        if self._slow and self.restless and self._rng.random() < 0.1:
            await asyncio.sleep(self._slow)
