"""The aiohttp application: everything that is asked passes the same way in."""

from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from app.api.door.door import Door
from app.api.door.quotas import SCANS, STREAMS, Quota
from app.api.door.request_heads import LONGEST_HEAD, SERVER
from app.api.http.app_keys import FLEET, HUB, SERVING, Serving
from app.api.http.lasting_work import LASTING, Lasting
from app.api.http.metrics import METRICS, Metrics
from app.api.http.problem import is_kubernetes, problems
from app.api.http.request_body import LARGEST_BODY_BYTES
from app.api.routes import add_routes
from app.api.websocket import share_compression
from app.fleet.fleet import Fleet
from app.kubeapi.cached.list_pages import PAGES, Pages
from app.kubeapi.interest import INTEREST, Interest
from app.streams.hub import Hub

# What aiohttp is to do with a connection, whoever makes its side of it. Bodies stay packed: unpacked ones
# would be forwarded as something else than their headers say, and unpacking 1 MB holds up everybody. A head
# may be as long as Go's servers take it, for long commands of kubectl's; `app.api.door.request_heads` bounds
# all of it.
HTTP_OPTIONS: Mapping[str, Any] = {
    "auto_decompress": False,
    "max_line_size": LONGEST_HEAD,
    "max_field_size": LONGEST_HEAD,
    "max_headers": 4096,
}


def make_application(fleet: Fleet, door: Door, serving: Serving) -> web.Application:
    """The application that serves a fleet; who starts and closes the fleet is who made it."""
    hub = Hub(fleet)
    metrics = Metrics(fleet, hub)
    app = web.Application(
        middlewares=[metrics.time_requests, problems],
        client_max_size=LARGEST_BODY_BYTES,
        handler_args=HTTP_OPTIONS,
    )
    door.attach(app)
    app[FLEET] = fleet
    app[HUB] = hub
    app[SERVING] = serving
    app[METRICS] = metrics
    app[STREAMS] = Quota(serving.streams_per_caller, "streams", "streams_per_caller")
    app[SCANS] = Quota(serving.scans_per_caller, "scans", "scans_per_caller")
    app[PAGES] = Pages()
    app[INTEREST] = Interest()
    app[LASTING] = lasting = Lasting()
    app.on_response_prepare.append(_add_headers)
    app.on_response_prepare.append(share_compression)
    app.on_startup.append(_start_streams)
    app.on_shutdown.append(_end_streams)
    app.on_shutdown.append(lasting.end)
    add_routes(app)
    return app


async def _start_streams(app: web.Application) -> None:
    app[HUB].start()


async def _end_streams(app: web.Application) -> None:
    await app[HUB].close()


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers[hdrs.SERVER] = SERVER
    if is_kubernetes(request):
        # Whatever page a cluster serves has no business under our origin.
        response.headers["Content-Security-Policy"] = "sandbox"
