"""What the end of a list or a watch means, and what is to be done about it."""

import re
from enum import Enum
from typing import Literal

import msgspec

from app.kube.api_errors import AccessError, AnswerTooLarge, ApiError, ConnectionFailed
from app.kube.wire.watch_event import Status
from app.kube.wire.wire_errors import WireError

FORBIDDEN_SECONDS = 10.0
RETRY_AFTER_AT_MOST = 120.0
_TOO_OLD = re.compile(r"too old resource version: [0-9]{1,20} \(([0-9]{1,20})\)")


State = Literal["syncing", "synced", "stale", "unreachable", "forbidden", "gone"]


class Then(Enum):
    """How to go on: from the last version; from there once the server is known to have
    that history still; by a list that is not older than the last version; by a list of
    whatever there is now; or by asking whether the resource is still there at all."""

    RETRY = "retry"
    RESUME = "resume"
    RELIST = "relist"
    AFRESH = "afresh"
    LOOK = "look"


class Verdict(msgspec.Struct, frozen=True):
    """``reason`` counts it, ``text`` is for humans, ``wait`` at least that many seconds.

    ``state`` is what it makes of a resource that was synced; None where it is nothing
    unless it lasts.
    """

    reason: str
    state: State | None
    then: Then
    text: str
    wait: float = 0.0


class ErrorEvent(Exception):
    """A watch ended with an ERROR event."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message or status.reason or f"error {status.code}")
        self.status = status


class EndedEarly(Exception):
    """A watch ended at once and brought nothing: the server may not have meant it as a watch."""


class OtherHistory(Exception):
    """The server speaks of versions that were before what it said already."""


Trouble = ErrorEvent | EndedEarly | OtherHistory | WireError | AccessError | ApiError | ConnectionFailed
TROUBLE = (ErrorEvent, EndedEarly, OtherHistory, WireError, AccessError, ApiError, ConnectionFailed)


def judge(error: Trouble, *, connected: bool) -> Verdict:
    """``connected`` is whether a watch had been answered when it happened."""
    text = str(error)
    match error:
        case ErrorEvent():
            return _of_event(error.status, text)
        case ApiError():
            return _of_status(error, text)
        case EndedEarly():
            return Verdict("early", None, Then.RELIST, text)
        case OtherHistory():
            return Verdict("history", None, Then.AFRESH, text)
        case WireError():
            return Verdict("garbage", "stale", Then.RELIST, text)
        case AnswerTooLarge():
            return Verdict("oversized", "stale", Then.RELIST, text)
        case ConnectionFailed() if connected:
            return Verdict("lost", None, Then.RESUME, text)
        case _:
            return Verdict("unreachable", "unreachable", Then.RESUME, text)


def _of_event(status: Status, text: str) -> Verdict:
    if _expired(status.code, status.reason, status.causes, text):
        return Verdict("expired", None, Then.AFRESH, text)
    return Verdict("error", "stale", Then.RELIST, text, _wait(status.retry_after))


def _of_status(error: ApiError, text: str) -> Verdict:
    wait = _wait(error.retry_after)
    if _expired(error.status, error.reason, error.causes, error.message):
        return Verdict("expired", None, Then.AFRESH, text)
    if error.status == 403:
        return Verdict("forbidden", "forbidden", Then.RELIST, text, FORBIDDEN_SECONDS)
    if error.status == 404:
        return Verdict("missing", "stale", Then.LOOK, text, wait)
    if error.status in (401, 429):
        return Verdict("rejected", "stale", Then.RETRY, text, wait)
    return Verdict("refused", "stale", Then.RESUME if error.status >= 500 else Then.RELIST, text, wait)


def _expired(code: int, reason: str, causes: tuple[str, ...], message: str) -> bool:
    """Whether the version asked for is too old, or newer than all that the server knows.

    API servers before 1.18 say the latter in the message alone.
    """
    if code == 410 or reason in ("Expired", "Gone") or "ResourceVersionTooLarge" in causes:
        return True
    return code == 504 and "Too large resource version" in message


def oldest_version(error: ErrorEvent | ApiError) -> int | None:
    """The oldest version that a server can tell the changes since, where it says that another is too old.

    That of k8s.io/apiserver's watch cache, which begins when the server does.
    """
    text = error.message if isinstance(error, ApiError) else error.status.message
    found = _TOO_OLD.search(text)
    return int(found[1]) if found is not None else None


def _wait(retry_after: float | None) -> float:
    return min(max(retry_after or 0.0, 0.0), RETRY_AFTER_AT_MOST)
