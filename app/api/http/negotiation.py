"""What a client would like to get: formats by ``format=`` or Accept, codings by Accept-Encoding."""

from collections.abc import Iterator

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


def choose_format(request: web.Request) -> str:
    """One of FORMATS; json for who does not care. Raises Problem."""
    asked = request.query.get("format")
    if asked:
        if asked not in FORMATS:
            raise wrong("format", asked, ", ".join(FORMATS))
        return asked
    accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
    if not accept.strip():
        return "json"
    for media, weight in sorted(_weighted(accept), key=lambda pair: -pair[1]):
        name = _OF_MEDIA.get(media) or _OF_RANGE.get(media.partition(";")[0])
        if name and weight > 0:
            return name
    raise Problem(
        406, f"Accept {accept[:80]!r} admits nothing that there is; accepted is {', '.join(_OF_MEDIA)}"
    )


def accepts(request: web.Request, media: str) -> bool:
    """Whether a client asks for this very media type."""
    accept = ",".join(request.headers.getall(hdrs.ACCEPT, []))
    return any(name == media and weight > 0 for name, weight in _weighted(accept))


def media_type(name: str) -> str:
    media = FORMATS[name][0].partition(";")[0]
    return f"{media}; charset=utf-8" if media.startswith("text/") else media


def choose_coding(request: web.Request) -> str | None:
    """One of CODINGS, or None for the bytes as they are."""
    header = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))
    liked = dict(_weighted(header))
    weights = {coding: liked.get(coding, liked.get("*", 0.0)) for coding in CODINGS}
    best = max(CODINGS, key=lambda coding: weights[coding])
    return best if weights[best] > 0 and weights[best] >= liked.get("identity", 0.0) else None


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    """What a header lists, lower case and without spaces, each with its ``q``."""
    for entry in header.lower().split(","):
        name, *options = ("".join(part.split()) for part in entry.split(";"))
        weight = 1.0
        kept = [name]
        for option in options:
            key, _, value = option.partition("=")
            if key == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
            elif key == "format":
                kept.append(option)
        if name:
            yield ";".join(kept), weight
