"""Answer requests for pod logs, followed where the client asks for it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aiohttp import web

from app.simulator.apiserver.api_failures import ApiFailure
from app.simulator.apiserver.object_storage import Storage
from app.simulator.apiserver.registry import Obj
from app.simulator.apiserver.request_routes import whole_number
from app.simulator.seed.log_text import LogLine, container_status, log_lines

FOLLOW_SECONDS = 0.5
KINDS = ("containers", "initContainers", "ephemeralContainers")


async def send(
    request: web.Request, storage: Storage, pod: Obj, query: Mapping[str, str]
) -> web.StreamResponse:
    """Answer with the log of one container. Raises ApiFailure where there is none."""
    container = _container(pod, query.get("container"))
    now = datetime.now(UTC)
    since = _since(query, now)
    previous = query.get("previous") == "true"
    lines = log_lines(
        pod, container, now=now, previous=previous, since=since, tail=whole_number(query, "tailLines")
    )
    if lines is None:
        name = pod["metadata"]["name"]
        if previous:
            raise ApiFailure(
                "BadRequest", f'previous terminated container "{container}" in pod "{name}" not found'
            )
        raise ApiFailure("BadRequest", f'container "{container}" in pod "{name}" is waiting to start')
    stamped = query.get("timestamps") == "true"
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(_text(lines, stamped=stamped))
    last = lines[-1].at if lines else now
    follows = query.get("follow") == "true" and not previous
    while follows:
        await asyncio.sleep(FOLLOW_SECONDS)
        present = _present(storage, pod)
        if present is None:
            break
        follows = _runs(present, container)
        more = log_lines(present, container, now=datetime.now(UTC), since=last)
        if more:
            last = more[-1].at
            await response.write(_text(more, stamped=stamped))
    return response


def _since(query: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the time after which lines are wanted. Raises ApiFailure."""
    seconds, at = whole_number(query, "sinceSeconds"), query.get("sinceTime")
    if seconds is not None and at:
        raise ApiFailure("BadRequest", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    if not at:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ApiFailure("BadRequest", f'sinceTime: invalid value "{at}"') from None
    # In whole seconds, as kube-apiserver passes it on, and with the lines of that very moment.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=0) - timedelta(microseconds=1)


def _present(storage: Storage, pod: Obj) -> Obj | None:
    """Return the pod in its present state; None where it is deleted, or another pod has its name."""
    metadata = pod["metadata"]
    stored = storage.collection("pods").get((metadata["namespace"], metadata["name"]))
    if stored is None or stored.obj["metadata"]["uid"] != metadata["uid"]:
        return None
    return stored.obj


def _runs(pod: Obj, container: str) -> bool:
    status = container_status(pod, container)
    return status is not None and "running" in status.get("state", {})


def _container(pod: Obj, wanted: str | None) -> str:
    spec, name = pod["spec"], pod["metadata"]["name"]
    main, *others = ([container["name"] for container in spec.get(kind) or ()] for kind in KINDS)
    if wanted is None and len(main) > 1:
        message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
        raise ApiFailure("BadRequest", message)
    if wanted is not None and not any(wanted in names for names in (main, *others)):
        raise ApiFailure("BadRequest", f"container {wanted} is not valid for pod {name}")
    return wanted or str(main[0])


def _text(lines: list[LogLine], *, stamped: bool) -> bytes:
    texts = (f"{line.at:%Y-%m-%dT%H:%M:%S.%fZ} {line.text}" if stamped else line.text for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()
