"""Parameters of requests."""

from collections.abc import Mapping

from app.simulator.apiserver.api_failures import ApiFailure


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number of 0 or more, None where it is not given. Raises ApiFailure."""
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise ApiFailure("BadRequest", f'{name}: invalid value "{text}": must be a whole number of 0 or more')
    return int(text) if text else None
