"""The errors of the client."""

from collections.abc import Mapping
from typing import Any

import orjson


class FleetError(Exception):
    """``status`` is HTTP's, 0 where nobody answered; ``title``, ``detail`` and ``cluster`` (empty where
    none is meant) are those of problem+json (RFC 9457), and ``members`` are all that it says."""

    def __init__(self, status: int, detail: str, members: Mapping[str, Any] | None = None) -> None:
        self.members = dict(members or {})
        self.status = status
        self.title = str(self.members.get("title", ""))
        self.detail = detail
        self.cluster = str(self.members.get("cluster") or "")
        named = not self.cluster or repr(self.cluster) in detail
        super().__init__(detail if named else f"{self.cluster}: {detail}")

    @property
    def heals(self) -> bool:
        """Whether a later attempt may succeed."""
        return self.status in (0, 408, 429) or self.status >= 500


class ServerUnreachable(FleetError):
    """The server at ``url`` accepts no connection."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(0, f"{url} cannot be reached: {reason}")


def fleet_error_of(status: int, reason: str, body: bytes) -> FleetError:
    """Return the error that an answer with an error status stands for."""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        return FleetError(status, f"{status} {reason}", {"title": reason})
    return FleetError(status, str(members.get("detail") or members.get("title") or reason), members)
