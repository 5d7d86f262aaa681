"""What a client would like to get: formats by ``format=`` or Accept, codings by Accept-Encoding."""

from collections.abc import Mapping

import msgspec
from aiohttp import hdrs, web

from app.api.http.problem import Problem
from app.api.http.query_parameters import wrong

# The media types of each format, the first of which is answered.
FORMATS = {
    "json": ("application/json",),
    "yaml": ("application/yaml", "application/x-yaml", "text/yaml"),
    "ndjson": ("application/x-ndjson", "application/ndjson", "application/jsonl"),
    "table": ("text/plain;format=table", "text/plain"),
    "wide": ("text/plain;format=wide",),
    "name": ("text/plain;format=name",),
}
_OF_MEDIA = {media: name for name, medias in FORMATS.items() for media in medias}
_OF_RANGE = {"*/*": "json", "application/*": "json", "text/*": "table"}
# By preference among what a client likes equally.
CODINGS = ("zstd", "gzip")


class MediaRange(msgspec.Struct, frozen=True):
    """One entry of an Accept header: ``media`` in lower case, ``options`` by their names in lower case.

    ``weight`` is its ``q``, 1 where it has none and 0 where that is no number.
    """

    media: str
    options: Mapping[str, str]
    weight: float


def header_text(request: web.Request, name: str) -> str:
    """Return the values of a header that is a list, joined; "" where there is none."""
    return ",".join(request.headers.getall(name, []))


def media_ranges(header: str) -> list[MediaRange]:
    """Return the entries of an Accept header (RFC 9110, section 12.5), the most preferred first."""
    ranges = []
    for entry in header.split(","):
        media, *options = (part.strip() for part in entry.split(";"))
        if media:
            pairs = (option.partition("=") for option in options if option)
            named = {key.strip().lower(): value.strip() for key, _, value in pairs}
            ranges.append(MediaRange(media.lower(), named, _weight(named)))
    return sorted(ranges, key=lambda entry: -entry.weight)


def _weight(options: Mapping[str, str]) -> float:
    try:
        return float(options.get("q", "1"))
    except ValueError:
        return 0.0


def choose_format(request: web.Request) -> str:
    """One of FORMATS; json for who does not care. Raises Problem."""
    asked = request.query.get("format")
    if asked:
        if asked not in FORMATS:
            raise wrong("format", asked, ", ".join(FORMATS))
        return asked
    accept = header_text(request, hdrs.ACCEPT)
    if not accept.strip():
        return "json"
    for entry in media_ranges(accept):
        variant = entry.options.get("format")
        form = entry.media if variant is None else f"{entry.media};format={variant.lower()}"
        name = _OF_MEDIA.get(form) or _OF_RANGE.get(entry.media)
        if name and entry.weight > 0:
            return name
    raise Problem(
        406, f"Accept {accept[:80]!r} admits nothing that there is; accepted is {', '.join(_OF_MEDIA)}"
    )


def accepts(request: web.Request, media: str) -> bool:
    """Return whether a client names this very media type."""
    ranges = media_ranges(header_text(request, hdrs.ACCEPT))
    return any(entry.media == media and entry.weight > 0 for entry in ranges)


def media_type(name: str) -> str:
    """Return the Content-Type of one of FORMATS."""
    media = FORMATS[name][0].partition(";")[0]
    return f"{media}; charset=utf-8" if media.startswith("text/") else media


def choose_coding(request: web.Request) -> str | None:
    """One of CODINGS, or None for the bytes as they are."""
    liked = {entry.media: entry.weight for entry in media_ranges(header_text(request, hdrs.ACCEPT_ENCODING))}
    weights = {coding: liked.get(coding, liked.get("*", 0.0)) for coding in CODINGS}
    best = max(CODINGS, key=lambda coding: weights[coding])
    return best if weights[best] > 0 and weights[best] >= liked.get("identity", 0.0) else None
