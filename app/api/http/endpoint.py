"""What an endpoint is; `app.api.routes` has the table of all of them."""

import re
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from app.api.http.query_parameters import Parameter


class Endpoint(msgspec.Struct, frozen=True):
    """``media`` are the content types that it answers with, ``schema`` names what these say.

    ``body`` are the content types that it takes, each with the name of what it is to say.
    ``several`` says that it may answer with a result for each of several clusters,
    ``endless`` that its answer has no end, which OpenAPI knows no word for.
    """

    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    summary: str
    parameters: tuple[Parameter, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    schema: str | None = None
    method: str = "GET"
    body: Mapping[str, str] = {}
    several: bool = False
    endless: bool = False

    @property
    def variables(self) -> list[str]:
        """The names of the variables in its path."""
        return re.findall(r"{(\w+)}", self.path)
