"""API servers that are hostile, or broken, in one process: ``python -m bench.hostility`` prints their URLs.

Each says what an API server says first, and then too much of something, for ever.
"""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable

from bench.talking import say

MIB = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sTransfer-Encoding: chunked\r\n\r\n"
CLOSED = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
POD = b'{"metadata":{"name":"%s","namespace":"x","uid":"%s","resourceVersion":"%d"},"spec":{},"status":{}}'
EXPIRED = {
    "kind": "Status",
    "code": 410,
    "reason": "Expired",
    "message": "The provided continue parameter is too old",
}
PAGE = b'{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"%s"},"items":[%s]}'
SAID = {
    "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.2"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "resources": [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list", "watch"]}],
    },
}

Writer = asyncio.StreamWriter
Speak = Callable[[Writer, bytes], Awaitable[None]]


def _page(items: bytes, more: str = "") -> bytes:
    return PAGE % (more.encode(), items)


async def _whole(writer: Writer, status: bytes, body: bytes) -> None:
    writer.write(CLOSED % (status, len(body), body))
    await writer.drain()


async def _chunk(writer: Writer, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


async def bomb(writer: Writer, target: bytes) -> None:
    """A gigabyte of blanks, and another one, packed a thousandfold."""
    writer.write(HEAD % b"Content-Encoding: gzip\r\n")
    packed = gzip.compress(b" " * MIB) * 16
    while True:
        await _chunk(writer, packed)


async def endless(writer: Writer, target: bytes) -> None:
    """A list that begins well."""
    writer.write(HEAD % b"")
    await _chunk(writer, _page(b"")[:-2])
    while True:
        await _chunk(writer, b",".join(POD % (b"a", b"u", 5) for _ in range(1000)) + b",")


async def pages(writer: Writer, target: bytes) -> None:
    """Pages that hold next to nothing, each with another token."""
    await _whole(writer, b"200 OK", _page(POD % (b"a", b"u", 5), more=str(id(writer))))


async def gone(writer: Writer, target: bytes) -> None:
    """A first page, and none behind it."""
    if b"continue=" in target:
        await _whole(writer, b"410 Gone", json.dumps(EXPIRED).encode())
    else:
        await pages(writer, target)


async def items(writer: Writer, target: bytes) -> None:
    """Ten million items in one page."""
    await _whole(writer, b"200 OK", _page(b",".join([b"{}"] * 10_000_000)))


async def flood(writer: Writer, target: bytes) -> None:
    """Events as fast as they are taken."""
    if b"watch=" not in target:
        await _whole(writer, b"200 OK", _page(b""))
        return
    writer.write(HEAD % b"")
    version = 10
    while True:
        lines = []
        for _ in range(1000):
            version += 1
            pod = POD % (b"a%d" % (version % 100), b"u%d" % (version % 100), version)
            lines.append(b'{"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1",%s}\n' % pod[1:])
        await _chunk(writer, b"".join(lines))


async def line(writer: Writer, target: bytes) -> None:
    """One event that never ends."""
    if b"watch=" not in target:
        await _whole(writer, b"200 OK", _page(b""))
        return
    writer.write(HEAD % b"")
    while True:
        await _chunk(writer, b"x" * MIB)


async def error(writer: Writer, target: bytes) -> None:
    """A Status without end."""
    writer.write(HEAD.replace(b"200 OK", b"500 Internal Server Error") % b"")
    while True:
        await _chunk(writer, b" " * MIB)


KINDS: dict[str, Speak] = {
    speak.__name__: speak for speak in (bomb, endless, pages, gone, items, flood, line, error)
}


async def _serve(speak: Speak) -> str:
    async def answer(reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            target = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
            path = target.partition(b"?")[0].decode()
            if path in SAID:
                await _whole(writer, b"200 OK", json.dumps(SAID[path]).encode())
            elif path.startswith("/api/v1/namespaces/kube-system"):
                await _whole(writer, b"404 Not Found", b"{}")
            else:
                await speak(writer, target)
        except (ConnectionError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def main() -> None:
    say(json.dumps({name: await _serve(speak) for name, speak in KINDS.items()}))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
