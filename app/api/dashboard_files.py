"""The dashboard's page and its files: the same for everybody, with no data in them.

Whoever may not call learns from the page how to present a token; what it then shows, it
asks for as any other client does.
"""

import hashlib
from importlib.resources import files

import msgspec
from aiohttp import ETag, hdrs, web

from app.api.door.open_paths import FOLDER, PAGE
from app.api.http.problem import Problem

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class _File(msgspec.Struct, frozen=True):
    """A file of the dashboard. ``tag`` is its ETag, without quotes."""

    body: bytes
    content_type: str
    tag: str


def add_routes(app: web.Application) -> None:
    """Add the routes of the page and of its files."""
    found = _load()

    async def page(request: web.Request) -> web.StreamResponse:
        return _answer(request, found["index.html"])

    async def file(request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        if name not in found:
            raise Problem(404, f"the dashboard has no file {name!r}")
        return _answer(request, found[name])

    app.router.add_get(PAGE, page)
    app.router.add_get(FOLDER + r"{file:[^{}/]+}", file)


def _load() -> dict[str, _File]:
    """All of them, once: they change with the process alone."""
    return {
        entry.name: _file(entry.name, entry.read_bytes())
        for entry in files("app.web").iterdir()
        if entry.name.endswith(tuple(_TYPES))
    }


def _file(name: str, body: bytes) -> _File:
    suffix = name[name.rindex(".") :]
    return _File(body, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:20])


def _answer(request: web.Request, file: _File) -> web.StreamResponse:
    headers = {
        "Content-Security-Policy": _POLICY,
        hdrs.CACHE_CONTROL: "no-cache",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    known = request.if_none_match or ()
    if any(tag.value in (file.tag, "*") for tag in known):
        unchanged = web.Response(status=304, headers=headers)
        unchanged.etag = ETag(file.tag)
        return unchanged
    response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)
    response.etag = ETag(file.tag)
    response.enable_compression()
    return response
