"""Why there is no answer, in one line for humans."""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp import ClientTimeout

from app.kube.api_errors import CannotConnect, ConnectionFailed


@contextmanager
def raising_connection_failed(limits: ClientTimeout) -> Iterator[None]:
    """Raises ConnectionFailed, with one line for humans, for whatever aiohttp raises under these limits."""
    try:
        yield
    except TimeoutError as error:
        raise _kind(error)(_timed_out(error, limits)) from None
    except (aiohttp.ClientError, OSError) as error:
        raise _kind(error)(_failed(error)) from None


@asynccontextmanager
async def within(limits: ClientTimeout) -> AsyncIterator[None]:
    """As `raising_connection_failed`, for at most ``limits.total`` seconds, of which aiohttp is not told.

    Its own timers lose a cancellation that comes with the end of their time: two of them are nested in
    a request, and each takes one back (``TimerContext.__exit__``). Who has cancelled would wait for ever.
    """
    with raising_connection_failed(limits):
        async with asyncio.timeout(limits.total):
            yield


def _kind(error: Exception) -> type[ConnectionFailed]:
    """Whether nothing can have been asked yet."""
    early = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.ConnectionTimeoutError)
    certificate = aiohttp.ClientConnectorCertificateError
    return CannotConnect if isinstance(error, (*early, certificate)) else ConnectionFailed


def _timed_out(error: TimeoutError, limits: ClientTimeout) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"cannot connect: timed out after {limits.connect or limits.sock_connect or 0:g} s"
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"the server said nothing for {limits.sock_read:g} s"
    return f"timed out after {limits.total or limits.sock_read or 0:g} s"


def _failed(error: aiohttp.ClientError | OSError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return f"certificate verify failed: {_verification(error.certificate_error)}"
        case aiohttp.ClientConnectorDNSError():
            return f"name not known: {error.host}: {tidy(error.os_error)}"
        case aiohttp.ClientProxyConnectionError():
            return f"cannot connect to the proxy {error.host}:{error.port}: {tidy(error.os_error)}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect to {error.host}:{error.port}: {tidy(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refuses to connect: {error.status} {error.message}"
        case aiohttp.ServerDisconnectedError():
            return "the server closed the connection without an answer"
        case aiohttp.ClientPayloadError():
            return "the connection was lost in the middle of an answer"
        case aiohttp.ClientResponseError():
            return "the server does not speak HTTP, or not as it should"
        case aiohttp.InvalidURL():
            return "the URL cannot be used"
    return f"the connection was lost: {tidy(error)}"


def _verification(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.strip().rstrip(".")
    return tidy(error)


def tidy(error: BaseException) -> str:
    """What the system said, without numbers, addresses and places in C files."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    # asyncio says "Connect call failed" and where, and of several addresses everything; the number says why.
    number = getattr(error, "errno", None)
    if not number and (several := re.search(r"\[Errno (\d+)\]", text)):
        number = int(several[1])
    if number and number > 0 and not isinstance(error, ssl.SSLError):
        return os.strerror(number).lower()
    text = re.sub(r"\[[^\]]*\] ?|\(_ssl\.c:\d+\)", "", text or type(error).__name__)
    return " ".join(text.split()).rstrip(".")
