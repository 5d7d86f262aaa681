"""Pod logs, followed where asked."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aiohttp import web

from app.demo.failures import Failure
from app.demo.registry import Obj
from app.demo.seed_logs import LogLine, log_lines
from app.demo.storage import Storage

FOLLOW_SECONDS = 0.5


async def send(
    request: web.Request, storage: Storage, pod: Obj, query: Mapping[str, str]
) -> web.StreamResponse:
    """Answer with the log of one container. Raises Failure where there is none."""
    container = _container(pod, query.get("container"))
    since = None
    if query.get("sinceSeconds"):
        since = datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"]))
    tail = int(query["tailLines"]) if query.get("tailLines") else None
    previous = query.get("previous") == "true"
    lines = log_lines(pod, container, now=datetime.now(UTC), previous=previous, since=since, tail=tail)
    if lines is None:
        name = pod["metadata"]["name"]
        which = "previous terminated container" if previous else "container"
        raise Failure("BadRequest", f'{which} "{container}" in pod "{name}" is not available')
    stamped = query.get("timestamps") == "true"
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(_text(lines, stamped=stamped))
    key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
    last = lines[-1].at if lines else datetime.now(UTC)
    while query.get("follow") == "true":
        await asyncio.sleep(FOLLOW_SECONDS)
        found = storage.collection("pods").get(key)
        if found is None or found.obj["metadata"]["uid"] != pod["metadata"]["uid"]:
            break
        more = log_lines(found.obj, container, now=datetime.now(UTC), since=last)
        if more:
            last = more[-1].at
            await response.write(_text(more, stamped=stamped))
    return response


def _container(pod: Obj, asked: str | None) -> str:
    names = [
        each["name"] for kind in ("containers", "initContainers") for each in pod["spec"].get(kind) or ()
    ]
    if asked is None and len(names) > 1:
        name = pod["metadata"]["name"]
        raise Failure(
            "BadRequest", f"a container name must be specified for pod {name}, choose one of: {names}"
        )
    if asked is not None and asked not in names:
        raise Failure("BadRequest", f"container {asked} is not valid for pod {pod['metadata']['name']}")
    return asked or names[0]


def _text(lines: list[LogLine], *, stamped: bool) -> bytes:
    texts = (f"{line.at:%Y-%m-%dT%H:%M:%S.%fZ} {line.text}" if stamped else line.text for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()
