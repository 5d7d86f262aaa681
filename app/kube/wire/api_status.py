"""Kubernetes' Status: why a request was refused, or why a watch ended.

Source: ``Status`` in ``k8s.io/apimachinery/pkg/apis/meta/v1``.
"""

import msgspec


class ApiStatus(msgspec.Struct, frozen=True):
    """``code`` is HTTP's, ``causes`` the reasons of its causes, ``retry_after`` in seconds."""

    code: int = 0
    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()
    retry_after: float | None = None


class _Cause(msgspec.Struct):
    reason: str = ""


class _StatusDetails(msgspec.Struct):
    causes: list[_Cause] | None = None
    retryAfterSeconds: float | None = None


class _StatusObject(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""
    details: _StatusDetails | None = None


_decoder = msgspec.json.Decoder(_StatusObject)


def decode_status(body: bytes | msgspec.Raw) -> ApiStatus:
    """Decode a Status. Raises msgspec.DecodeError and UnicodeDecodeError for what is none."""
    status = _decoder.decode(body)
    details = status.details or _StatusDetails()
    causes = tuple(cause.reason for cause in details.causes or ())
    return ApiStatus(status.code, status.reason, status.message, causes, details.retryAfterSeconds)
