"""Failures as Kubernetes reports them."""

from typing import Any

_CODES = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Expired": 410,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}


class Failure(Exception):
    """Answered as a ``Status`` object. ``details`` are those of the Status."""

    def __init__(self, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = _CODES[reason]
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            found["details"] = self.details
        return found


def expired(version: int, oldest: int) -> Failure:
    """What the history does not reach back to."""
    return Failure("Expired", f"too old resource version: {version} ({oldest})")


def too_large(version: int, now: int) -> Failure:
    """What has not happened yet."""
    message = "Too large resource version"
    return Failure(
        "Timeout",
        f"{message}: {version}, current: {now}",
        causes=[{"reason": "ResourceVersionTooLarge", "message": message}],
        retryAfterSeconds=1,
    )
