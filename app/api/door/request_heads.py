"""How long the head of a request may be (as long as Go's servers take it, line and headers together), and
what is answered to what is no request."""

from collections.abc import Sequence
from typing import Any, Protocol

from aiohttp import StreamReader, hdrs, web
from aiohttp.http_exceptions import BadHttpMessage

from app.api.http.problem import Problem

SERVER = "k8s-mcp"
LONGEST_HEAD = 1024 * 1024
# What comes in one read may belong to what is before and after as well.
_SLACK = 256 * 1024

Messages = Sequence[tuple[Any, StreamReader]]


class Parser(Protocol):
    """aiohttp's, as much of it as is used."""

    def feed_data(self, data: bytes) -> tuple[Messages, bool, bytes]:
        """Parse what has come: messages, whether the connection is upgraded, and the rest."""


class BoundedParser:
    """A parser of requests that gives up where neither a request nor a part of a body comes of what comes.

    aiohttp's own bounds are those of one line, of which it would keep thousands.
    """

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._body: StreamReader | None = None
        self._vain = 0

    def feed_data(self, data: bytes) -> tuple[Messages, bool, bytes]:
        """Raises HttpProcessingError."""
        if self._vain > LONGEST_HEAD + _SLACK:
            return (), False, b""
        before = self._body.total_bytes if self._body is not None else 0
        messages, upgraded, rest = self._parser.feed_data(data)
        if messages:
            self._body = messages[-1][1]
            self._vain = 0
        elif self._body is not None and self._body.total_bytes != before:
            self._vain = 0
        else:
            self._vain += len(data)
        if self._vain > LONGEST_HEAD + _SLACK:
            raise BadHttpMessage(f"the head of a request is too long; accepted are {LONGEST_HEAD} bytes")
        return messages, upgraded, rest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


def malformed(message: str) -> web.Response:
    """The answer to what aiohttp's parser says this ``message`` of, whose first line does not quote it."""
    what = message.partition("\n")[0].removesuffix(":")
    answer = Problem(400, f"this is no HTTP request: {what[:200]}").response()
    answer.headers[hdrs.SERVER] = SERVER
    answer.force_close()
    return answer
