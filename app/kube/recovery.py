"""What the end of a list or a watch means, and what is to be done about it."""

import re
from enum import Enum
from typing import Literal

import msgspec

from app.kube.api_errors import AccessError, AnswerTooLarge, ApiError, ConnectionFailed
from app.kube.wire.api_status import ApiStatus
from app.kube.wire.wire_errors import WireError

FORBIDDEN_SECONDS = 10.0
RETRY_AFTER_AT_MOST = 120.0
_TOO_OLD = re.compile(r"too old resource version: [0-9]{1,20} \(([0-9]{1,20})\)")


ReflectorState = Literal["syncing", "synced", "stale", "unreachable", "forbidden", "gone"]


class NextStep(Enum):
    """What a reflector does after trouble.

    RETRY goes on from the last version; RESUME does so once the server is known to have that history
    still. RELIST lists what is not older than the last version, AFRESH whatever there is now. LOOK asks
    whether the server still has the resource at all.
    """

    RETRY = "retry"
    RESUME = "resume"
    RELIST = "relist"
    AFRESH = "afresh"
    LOOK = "look"


class Recovery(msgspec.Struct, frozen=True):
    """How a reflector recovers from the end of a list or a watch.

    ``reason`` is the label under which it is counted, ``text`` one line for humans, ``wait`` the least
    seconds before ``next_step``. ``state`` is that of a resource that was synced, from now on; None where
    it changes only if the trouble lasts.
    """

    reason: str
    state: ReflectorState | None
    next_step: NextStep
    text: str
    wait: float = 0.0


class ErrorEvent(Exception):
    """A watch ended with an ERROR event."""

    def __init__(self, status: ApiStatus) -> None:
        super().__init__(status.message or status.reason or f"error {status.code}")
        self.status = status


class EndedEarly(Exception):
    """A watch ended at once and brought nothing: the server may not have meant it as a watch."""


class OtherHistory(Exception):
    """The server has gone back to versions before the one that it was at, as after etcd was restored."""


Trouble = ErrorEvent | EndedEarly | OtherHistory | WireError | AccessError | ApiError | ConnectionFailed
TROUBLE = (ErrorEvent, EndedEarly, OtherHistory, WireError, AccessError, ApiError, ConnectionFailed)


def recovery_from(error: Trouble, *, connected: bool) -> Recovery:
    """Return how to recover. ``connected`` is whether a watch had been answered before the error."""
    text = str(error)
    match error:
        case ErrorEvent():
            return _from_event(error.status, text)
        case ApiError():
            return _from_status(error, text)
        case EndedEarly():
            return Recovery("early", None, NextStep.RELIST, text)
        case OtherHistory():
            return Recovery("history", None, NextStep.AFRESH, text)
        case WireError():
            return Recovery("garbage", "stale", NextStep.RELIST, text)
        case AnswerTooLarge():
            return Recovery("oversized", "stale", NextStep.RELIST, text)
        case ConnectionFailed() if connected:
            return Recovery("lost", None, NextStep.RESUME, text)
        case _:
            return Recovery("unreachable", "unreachable", NextStep.RESUME, text)


def _from_event(status: ApiStatus, text: str) -> Recovery:
    if _expired(status.code, status.reason, status.causes, text):
        return Recovery("expired", None, NextStep.AFRESH, text)
    return Recovery("error", "stale", NextStep.RELIST, text, _wait(status.retry_after))


def _from_status(error: ApiError, text: str) -> Recovery:
    wait = _wait(error.retry_after)
    if _expired(error.status, error.reason, error.causes, error.message):
        return Recovery("expired", None, NextStep.AFRESH, text)
    if error.status == 403:
        return Recovery("forbidden", "forbidden", NextStep.RELIST, text, FORBIDDEN_SECONDS)
    if error.status == 404:
        return Recovery("missing", "stale", NextStep.LOOK, text, wait)
    if error.status in (401, 429):
        return Recovery("rejected", "stale", NextStep.RETRY, text, wait)
    return Recovery(
        "refused", "stale", NextStep.RESUME if error.status >= 500 else NextStep.RELIST, text, wait
    )


def _expired(code: int, reason: str, causes: tuple[str, ...], message: str) -> bool:
    """Whether the version asked for is too old, or newer than all that the server knows.

    API servers before 1.18 say the latter in the message alone.
    """
    if code == 410 or reason in ("Expired", "Gone") or "ResourceVersionTooLarge" in causes:
        return True
    return code == 504 and "Too large resource version" in message


def oldest_version(error: ErrorEvent | ApiError) -> int | None:
    """Return the oldest version that a server can watch from, if it says that another is too old.

    It is that of k8s.io/apiserver's watch cache, which begins when the server does.
    """
    text = error.message if isinstance(error, ApiError) else error.status.message
    match = _TOO_OLD.search(text)
    return int(match[1]) if match is not None else None


def _wait(retry_after: float | None) -> float:
    return min(max(retry_after or 0.0, 0.0), RETRY_AFTER_AT_MOST)
