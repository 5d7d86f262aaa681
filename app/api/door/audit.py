"""One line in the log for every write: who, what, where, and what came of it.

It says no word of what was written, of the query or of a token. Where the log cannot be written, writes go
on; that lines of them are lost is said by ``/readyz?verbose`` and ``/metrics``.
"""

import logging
from collections.abc import Mapping

from aiohttp import web

from app.api.door.callers import CALLER
from app.logging import AUDIT

log = logging.getLogger(AUDIT)
# Whatever else is left out of the log (log_level), these lines are in it.
log.setLevel(logging.INFO)


def write(
    request: web.Request,
    verb: str,
    *,
    cluster: str,
    resource: str,
    namespace: str = "",
    name: str = "",
    subresource: str = "",
    status: int,
    reason: str = "",
    dry_run: bool = False,
    impersonated: Mapping[str, object] | None = None,
) -> None:
    """Record one write to one cluster.

    ``verb`` is Kubernetes' (``create``, ``patch``, …), ``status`` the HTTP status that
    the caller is told, ``reason`` what went wrong in one word, ``impersonated`` the fields
    that say whom the caller wants to be.
    """
    log.info(
        "write",
        extra={
            "caller": request[CALLER].name,
            "address": request.remote,
            "verb": verb,
            "cluster": cluster,
            "resource": f"{resource}/{subresource}" if subresource else resource,
            "namespace": namespace or None,
            "object": name or None,
            "status": status,
            "reason": reason or None,
            "dry_run": dry_run or None,
            **(impersonated or {}),
        },
    )
