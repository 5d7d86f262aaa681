"""The failures that API servers answer with, as Status objects."""

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


# These say so where they have no details.
_DETAILED = frozenset(("NotFound", "MethodNotAllowed", "Invalid"))


class ApiFailure(Exception):
    """A refusal, which is answered as a ``Status``. ``metadata`` and ``details`` are members of the
    Status."""

    def __init__(
        self, reason: str, message: str, metadata: dict[str, Any] | None = None, **details: Any
    ) -> None:
        super().__init__(message)
        self.code = _CODES[reason]
        self.reason = reason
        self.message = message
        self.metadata = metadata or {}
        self.details = details

    def status(self) -> dict[str, Any]:
        """Return the Status object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details or self.reason in _DETAILED:
            status["details"] = {key: value for key, value in self.details.items() if value != ""}
        return status


_CAUSES = {
    "Required value": "FieldValueRequired",
    "Invalid value": "FieldValueInvalid",
    "Unsupported value": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
}


def invalid(kind: str, field: str, problem: str, *, group: str = "", name: str = "") -> ApiFailure:
    """Return a 422 about one field; ``problem`` begins with one of the four phrases that Kubernetes uses."""
    whole = f"{kind}.{group}" if group else kind
    cause = {"reason": _CAUSES[problem.partition(":")[0]], "message": problem, "field": field}
    message = f'{whole} "{name}" is invalid: {field}: {problem}'
    return ApiFailure("Invalid", message, name=name, group=group, kind=kind, causes=[cause])


def bad_option(options: str, field: str, problem: str) -> ApiFailure:
    """Return a 422 about a parameter of the request."""
    return invalid(options, field, problem, group="meta.k8s.io")


def expired(version: int, oldest: int) -> ApiFailure:
    """Return the 410 for a version before the oldest change that is remembered."""
    return ApiFailure("Expired", f"too old resource version: {version} ({oldest})")


def too_large(version: int, now: int) -> ApiFailure:
    """Return the 504 for a version that has not been reached yet."""
    message = "Too large resource version"
    return ApiFailure(
        "Timeout",
        f"Timeout: {message}: {version}, current: {now}",
        causes=[{"reason": "ResourceVersionTooLarge", "message": message}],
        retryAfterSeconds=1,
    )
