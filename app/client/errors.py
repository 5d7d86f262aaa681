"""What goes wrong, as the server says it."""

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
        """Whether it may be gone in a moment."""
        return self.status in (0, 408, 429) or self.status >= 500


class NoServer(FleetError):
    """No connection is accepted at ``url``."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(0, f"{url} cannot be reached: {reason}")


def error_of(status: int, reason: str, body: bytes) -> FleetError:
    """From an answer that is an error."""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        members = None
    if not isinstance(members, dict):
        return FleetError(status, f"{status} {reason}", {"title": reason})
    return FleetError(status, str(members.get("detail") or members.get("title") or reason), members)
