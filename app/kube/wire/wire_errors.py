"""What is wrong with bytes that an API server sent, and how that is said."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import msgspec

from app.kube.wire.resource_version import version_number


class WireError(Exception):
    """What the API server sent is not what a Kubernetes API server sends; one line for humans."""


# What decoders raise for text that they cannot read.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# What is raised for an object that cannot be read, while others can.
UNREADABLE = (*UNDECODABLE, WireError)

P = ParamSpec("P")
T = TypeVar("T")


def raising_wire_error(decode: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``decode``; raise WireError where it cannot decode what it was given."""
    try:
        return decode(*args, **kwargs)
    except UNDECODABLE as error:
        raise unreadable_answer(error) from None


def unreadable_answer(error: Exception) -> WireError:
    """Return the error that says that an answer cannot be decoded, and why."""
    return WireError(f"unreadable answer: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """Return why something cannot be decoded: one line for humans that quotes nothing of what was sent."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    return type(error).__name__ if isinstance(error, UnicodeDecodeError) else str(error)


def version_of(text: str) -> int:
    """Return a resourceVersion as a number. Raises WireError where it is none of 64 bits."""
    version = version_number(text)
    if version is None:
        raise WireError(f"resourceVersion {text[:40]!r} is no number of 64 bits")
    return version
